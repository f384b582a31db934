package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/exportfile"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// smallArchive is an export as retention makes it, of one table.
func smallArchive(t *testing.T) []byte {
	t.Helper()
	columns := []exportfile.Column{{Name: "name", Type: "text"}}
	row, err := exportfile.AppendJSON(nil, columns, [][]byte{[]byte("Shop")})
	require.NoError(t, err)
	// Noise, so that there is something to download.
	entries := []exportfile.Entry{exportfile.NewEntry("README.txt", "", exportfile.Text, 0, noise(300_000)), exportfile.NewEntry("json/products.jsonl", "products", exportfile.JSON, 1, row)}
	sums := exportfile.Sums(entries)
	sum := sha256.Sum256(sums)
	manifest, err := json.Marshal(exportfile.Manifest{
		Format: exportfile.Format, Version: exportfile.Version, AsOf: now, Rows: 1, Tables: []exportfile.Table{{Name: "products", Rows: 1, Columns: columns}},
		ContentsSHA256: hex.EncodeToString(sum[:]), Entries: entries,
	})
	require.NoError(t, err)
	packer, out := exportfile.NewPacker(), &bytes.Buffer{}
	for _, f := range []struct {
		name    string
		content []byte
	}{{"README.txt", noise(300_000)}, {"json/products.jsonl", row}, {exportfile.SumsName, sums}, {exportfile.ManifestName, manifest}} {
		require.NoError(t, packer.Pack(out, f.name, now, f.content))
	}
	require.NoError(t, packer.End(out))
	return out.Bytes()
}

func noise(n int) []byte {
	var out []byte
	for sum := sha256.Sum256(nil); len(out) < n; sum = sha256.Sum256(sum[:]) {
		out = append(out, sum[:]...)
	}
	return out[:n]
}

// exporter is as much of the dashboard as exports need. Its connections break after cut bytes.
type exporter struct {
	data   []byte
	export api.Export
	looks  atomic.Int32
	pieces atomic.Int32
	cut    int
	create int // status, when not 202
}

func newExporter(t *testing.T) (*exporter, config.Source) {
	t.Helper()
	f := &exporter{data: smallArchive(t), cut: 1 << 30}
	sum, n, name, rows := sha256.Sum256(f.data), int64(len(f.data)), "specter-export-x.tar.gz", int64(1)
	digest := hex.EncodeToString(sum[:])
	f.export = api.Export{Id: uuid.New(), Status: api.ExportReady, RequestedAt: now, Bytes: &n, Sha256: &digest, Filename: &name, Rows: 1, RowsExpected: &rows}
	mux := http.NewServeMux()
	const base = "/api/v1/account/exports"
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("POST "+base, func(w http.ResponseWriter, _ *http.Request) {
		if f.create != 0 {
			answer(w, f.create, api.Problem{Code: "conflict", Status: f.create})
			return
		}
		answer(w, http.StatusAccepted, api.Export{Id: f.export.Id, Status: api.ExportQueued, RequestedAt: now})
	})
	mux.HandleFunc("GET "+base, func(w http.ResponseWriter, _ *http.Request) {
		building := f.export
		building.Status = api.ExportBuilding
		answer(w, http.StatusOK, api.ExportPage{Items: []api.Export{building}})
	})
	mux.HandleFunc("GET "+base+"/{id}", func(w http.ResponseWriter, _ *http.Request) {
		e := f.export
		if f.looks.Add(1) == 1 && e.Status == api.ExportReady {
			e.Status = api.ExportBuilding
		}
		answer(w, http.StatusOK, e)
	})
	mux.HandleFunc("GET "+base+"/{id}/archive", func(w http.ResponseWriter, r *http.Request) {
		f.pieces.Add(1)
		w.Header().Set("ETag", `"`+digest+`"`)
		http.ServeContent(&breaking{ResponseWriter: w, left: f.cut}, r, "", time.Time{}, bytes.NewReader(f.data))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, config.Source{"SPECTER_URL": server.URL, "SPECTER_TOKEN": "spt_x"}
}

// breaking loses its connection after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		_ = http.NewResponseController(b.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}

func TestAnExportIsDownloadedThroughABrokenConnectionAndChecked(t *testing.T) {
	t.Parallel()
	f, src := newExporter(t)
	f.cut = 100_000
	file := filepath.Join(t.TempDir(), "all.tar.gz")
	code, out, errOut := run(t, src, "export", "--file", file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, file)
	require.Contains(t, out, "1 row in 1 table, all checksums match")
	require.Greater(t, f.pieces.Load(), int32(3))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(f.data, text))
	require.NoFileExists(t, file+".part")

	code, out, errOut = run(t, src, "export", "-f", file, "-o", "json")
	require.Zero(t, code, errOut)
	var told struct {
		File   string     `json:"file"`
		Export api.Export `json:"export"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &told), out)
	require.Equal(t, file, told.File)
	require.Equal(t, api.ExportReady, told.Export.Status)

	code, out, errOut = run(t, config.Source{}, "export", "verify", file)
	require.Zero(t, code, errOut)
	require.Contains(t, out, "is whole: 2 files, 1 row")
	code, out, _ = run(t, config.Source{}, "export", "verify", file, "-o", "json")
	require.Zero(t, code)
	require.Contains(t, out, `"contents_sha256"`)

	text[len(text)/2]++
	require.NoError(t, os.WriteFile(file, text, 0o600))
	code, _, errOut = run(t, config.Source{}, "export", "verify", file)
	require.Equal(t, 5, code)
	require.Contains(t, errOut, "damaged")
	code, _, _ = run(t, config.Source{}, "export", "verify", file+".nowhere")
	require.Equal(t, 1, code)
}

func TestAnInterruptedExportGoesOnAndWrongBytesAreThrownAway(t *testing.T) {
	t.Parallel()
	f, src := newExporter(t)
	file := filepath.Join(t.TempDir(), "all.tar.gz")
	require.NoError(t, os.WriteFile(file+".part", f.data[:200_000], 0o600))
	code, _, errOut := run(t, src, "export", "--resume", f.export.Id.String(), "-f", file)
	require.Zero(t, code, errOut)
	require.Equal(t, int32(1), f.pieces.Load())

	require.NoError(t, os.WriteFile(file+".part", noise(200_000), 0o600))
	code, _, errOut = run(t, src, "export", "--resume", f.export.Id.String(), "-f", file)
	require.Zero(t, code, errOut)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(f.data, text))
}

func TestAnExportThatIsBeingMadeIsWaitedForAndAFailedOneTold(t *testing.T) {
	t.Parallel()
	f, src := newExporter(t)
	f.create = http.StatusConflict
	code, _, errOut := run(t, src, "export", "-f", filepath.Join(t.TempDir(), "x"))
	require.Zero(t, code, errOut)

	f.export.Status, f.export.Failure = api.ExportFailed, &api.ExportFailure{Code: api.ExportTooLarge, Detail: "It is too large."}
	code, _, errOut = run(t, src, "export", "-f", filepath.Join(t.TempDir(), "x"))
	require.Equal(t, 1, code)
	require.Contains(t, errOut, "It is too large.")
	code, _, _ = run(t, src, "export", "--resume", "nonsense")
	require.Equal(t, 2, code)
}
