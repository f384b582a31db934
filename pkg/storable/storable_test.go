package storable_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/storable"
)

func TestPayloadsBecomeStorable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":1}`:                        `{"a":1}`,
		`{"a":"\u0000"}`:                 `{"a":"\ufffd"}`,
		`{"\u0000":"x\u0000y"}`:          `{"\ufffd":"x\ufffdy"}`,
		`{"a":"\\u0000 \\\u0000"}`:       `{"a":"\\u0000 \\\ufffd"}`,
		`{"a":"\ud83d\ude00\u00e9\n\""}`: `{"a":"\ud83d\ude00\u00e9\n\""}`,
		`{"a":"\ud83d"}`:                 `{"a":"\ufffd"}`,
		`{"a":"\uDE00\uD83D\uDE00"}`:     `{"a":"\ufffd\uD83D\uDE00"}`,
		`{"a":"\ud83d\ud83d\u0041"}`:     `{"a":"\ufffd\ufffd\u0041"}`,
		`{"a":"\ud83dx"}`:                `{"a":"\ufffdx"}`,
		"{\"a\":\"\xff\"}":               "{\"a\":\"\uFFFD\"}",
		`{"a":1e308,"b":"1e999","c":-2E-308,"true":true,"f":false}`:         `{"a":1e308,"b":"1e999","c":-2E-308,"true":true,"f":false}`,
		`{"a":5e-324,"b":[123.456e-789,1e-1000],"c":0.001e311,"d":"1e999"}`: `{"a":5e-324,"b":[123.456e-789,1e-1000],"c":0.001e311,"d":"1e999"}`,
		`{"a1e999":1}`:                    `{"a1e999":1}`,
		`{"a":1e309}`:                     `{}`,
		`{"a":[1E-1001]}`:                 `{}`,
		`{"a":[1.5E-1000]}`:               `{}`,
		`{"a":0e309}`:                     `{}`,
		`{"a":-12e308}`:                   `{}`,
		`{"a":1e99999999999999999999999}`: `{}`,
		` {"a":1}`:                        ` {"a":1}`,
		`{"broken`:                        `{}`,
		`[1]`:                             `{}`,
		`null`:                            `{}`,
		``:                                `{}`,
	} {
		require.Equal(t, want, string(storable.Object([]byte(in))), in)
	}
}
