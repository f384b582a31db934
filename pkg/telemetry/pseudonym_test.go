package telemetry

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"
)

func TestLogsNameNobody(t *testing.T) {
	t.Parallel()
	id, request := uuid.NewString(), uuid.NewString()
	var out bytes.Buffer
	line := []byte(`{"message":"storing ` + id + ` failed","account":"` + id + `","email":"ann.lee+x@mail.example.test","request_id":"` + request + `","error":"to <bob@example.test>: no"}` + "\n")
	n, err := pseudonymous{zapcore.AddSync(&out)}.Write(line)
	require.NoError(t, err)
	require.Equal(t, len(line), n)
	require.Equal(t, `{"message":"storing `+Pseudonym(id)+` failed","account":"`+Pseudonym(id)+`","email":"[email]","request_id":"`+request+`","error":"to <[email]>: no"}`+"\n", out.String())
	require.Len(t, Pseudonym(id), 13)
	require.NotEqual(t, Pseudonym(id), Pseudonym(request))

	for text, stand := range map[string]string{id: Pseudonym(id), "ann@example.test": "[email]"} { // alone, from edge to edge
		out.Reset()
		_, err = pseudonymous{zapcore.AddSync(&out)}.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, stand, out.String())
	}

	out.Reset()
	plain := `{"message":"waiting","subject":"$KV.CATALOG.>","url":"nats://127.0.0.1:4222","took":0.5}`
	_, err = pseudonymous{zapcore.AddSync(&out)}.Write([]byte(plain))
	require.NoError(t, err)
	require.Equal(t, plain, out.String(), "nothing else is touched")
}
