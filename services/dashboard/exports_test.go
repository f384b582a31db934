package dashboard_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/dashboard"
)

// archive is an export that is ready, as retention writes it: in chunks of any length.
func (w *world) archive(t testkit.Tenant, data []byte) uuid.UUID {
	w.t.Helper()
	id, sum, now := uuid.New(), sha256.Sum256(data), w.clock.Now()
	w.insert("specter_dashboard", t.AccountID, `INSERT INTO exports (id, account_id, requested_by, requested_at) VALUES ($1, $2, 'user:x', $3)`, id, t.AccountID, now)
	w.insert("specter_retention", t.AccountID, `INSERT INTO export_builds (account_id, export_id, state, as_of, bytes, sha256, rows_written, rows_expected, started_at, touched_at, finished_at, expires_at)
		VALUES ($1, $2, 'ready', $3, $4, $5, 7, 7, $3, $3, $3, $6)`, t.AccountID, id, now, len(data), sum[:], now.Add(time.Hour))
	random := rand.New(rand.NewPCG(1, uint64(len(data))))
	var firsts []int64
	var chunks [][]byte
	for at := 0; at < len(data); {
		n := min(1+random.IntN(256<<10), len(data)-at)
		firsts, chunks = append(firsts, int64(at)), append(chunks, data[at:at+n])
		at += n
	}
	w.insert("specter_retention", t.AccountID, `INSERT INTO export_chunks (account_id, export_id, first_byte, data) SELECT $1, $2, f, d FROM unnest($3::bigint[], $4::bytea[]) AS c (f, d)`,
		t.AccountID, id, firsts, chunks)
	return id
}

func noise(n int) []byte {
	out := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(out)
	return out
}

func archivePath(id uuid.UUID) string { return "/api/v1/account/exports/" + id.String() + "/archive" }

func TestAnExportIsAskedForOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	c := w.withToken(tenant.Token)
	first := c.with("Idempotency-Key", "once").post("/api/v1/account/exports", nil)
	require.Equal(t, http.StatusAccepted, first.status, first.text)
	require.Equal(t, "queued", first.str("status"))
	require.Equal(t, "token:"+tenant.TokenID.String(), first.str("requested_by"))
	again := c.with("Idempotency-Key", "once").post("/api/v1/account/exports", nil)
	require.Equal(t, first.str("id"), again.str("id"))
	require.Equal(t, "conflict", c.post("/api/v1/account/exports", nil).str("code"), "one is being made")
	testkit.Eventually(t, func() bool { return len(published(w, event.ExportRequested, tenant.AccountID)) == 1 }, "retention is told once")

	require.Equal(t, http.StatusConflict, c.get(archivePath(uuid.MustParse(first.str("id")))).status, "there is nothing to download yet")
	require.Equal(t, http.StatusNoContent, c.delete("/api/v1/account/exports/"+first.str("id")).status)
	require.Equal(t, http.StatusNotFound, c.delete("/api/v1/account/exports/"+first.str("id")).status)
	require.Equal(t, http.StatusNotFound, c.get("/api/v1/account/exports/"+first.str("id")).status)
	testkit.Eventually(t, func() bool { return len(published(w, event.ExportDeleted, tenant.AccountID)) == 1 }, "retention is told")
	require.Equal(t, http.StatusAccepted, c.post("/api/v1/account/exports", nil).status, "a deleted one is not in the way")
}

func TestAnAccountKeepsAFewArchives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	for range 3 {
		w.archive(tenant, []byte("x"))
	}
	c := w.withToken(tenant.Token)
	require.Equal(t, "limit_reached", c.post("/api/v1/account/exports", nil).str("code"))
	w.clock.Advance(2 * time.Hour)
	require.Equal(t, http.StatusAccepted, c.post("/api/v1/account/exports", nil).status, "what has expired takes no room")
	require.Len(t, c.get("/api/v1/account/exports").list("items"), 4)
	require.Equal(t, "expired", c.get("/api/v1/account/exports").str("items.3.status"))
}

func TestADownloadThatIsCutAnywhereGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	data := noise(600_000)
	id := w.archive(tenant, data)
	c := w.withToken(tenant.Token)
	whole := c.get(archivePath(id))
	require.Equal(t, http.StatusOK, whole.status)
	require.Equal(t, strconv.Itoa(len(data)), whole.header.Get("Content-Length"))
	require.Equal(t, "bytes", whole.header.Get("Accept-Ranges"))
	require.Equal(t, "application/gzip", whole.header.Get("Content-Type"))
	require.Contains(t, whole.header.Get("Content-Disposition"), `attachment; filename="specter-export-`)
	sum := sha256.Sum256(data)
	require.Equal(t, `"`+hex.EncodeToString(sum[:])+`"`, whole.header.Get("ETag"))
	require.True(t, bytes.Equal(data, []byte(whole.text)))
	etag := whole.header.Get("ETag")

	rapid.Check(t, func(rt *rapid.T) {
		var got []byte
		for _, cut := range append(rapid.SliceOfN(rapid.IntRange(1, len(data)/2), 1, 3).Draw(rt, "cuts"), len(data)) {
			// The connection breaks somewhere; whatever came is kept.
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+archivePath(id), nil)
			require.NoError(rt, err)
			r.Header.Set("Authorization", "Bearer "+tenant.Token)
			if len(got) > 0 {
				r.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(got)))
				r.Header.Set("If-Range", etag)
			}
			answer, err := c.http.Do(r)
			require.NoError(rt, err)
			piece, err := io.ReadAll(io.LimitReader(answer.Body, int64(cut)))
			require.NoError(rt, err)
			require.NoError(rt, answer.Body.Close())
			if got = append(got, piece...); len(got) == len(data) {
				break
			}
		}
		require.True(rt, bytes.Equal(data, got))
	})

	require.Equal(t, data[100:201], []byte(c.with("Range", "bytes=100-200").get(archivePath(id)).text))
	require.Equal(t, data[len(data)-5:], []byte(c.with("Range", "bytes=-5").get(archivePath(id)).text))
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, c.with("Range", fmt.Sprintf("bytes=%d-", len(data))).get(archivePath(id)).status)
	other := c.with("Range", "bytes=100-200").with("If-Range", `"another"`).get(archivePath(id))
	require.Equal(t, http.StatusOK, other.status, "bytes of another archive are of no use")
	require.Len(t, other.text, len(data))

	audit := c.get("/api/v1/account/audit-log?subject_id=" + id.String())
	require.Len(t, audit.list("items"), 1, "a download in pieces is one download")
	require.Equal(t, "export.downloaded", audit.str("items.0.action"))
}

func TestCurlGoesOnWithADownload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	data := noise(1 << 20)
	id := w.archive(tenant, data)
	file := filepath.Join(t.TempDir(), "export.tar.gz")
	require.NoError(t, os.WriteFile(file, data[:400_001], 0o600))
	out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--fail", "-C", "-", "-o", file, "-H", "Authorization: Bearer "+tenant.Token, w.url+archivePath(id)).CombinedOutput()
	require.NoError(t, err, string(out))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, whole))
}

func TestAClosedAccountMayStillTakeEverythingOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *dashboard.Config) { c.DeletionGrace = time.Hour })
	c := w.signedUp("leaving@example.test")
	account := uuid.MustParse(c.get("/api/v1/account").str("id"))
	require.Equal(t, http.StatusAccepted, c.post("/api/v1/account/deletion", map[string]any{"confirm_email": "leaving@example.test"}).status)
	require.Equal(t, http.StatusForbidden, c.get("/api/v1/products").status)

	asked := c.post("/api/v1/account/exports", nil)
	require.Equal(t, http.StatusAccepted, asked.status, asked.text)
	require.Equal(t, http.StatusOK, c.get("/api/v1/account/exports/"+asked.str("id")).status)
	id := w.archive(testkit.Tenant{AccountID: account}, []byte("everything"))
	require.Equal(t, "everything", c.get(archivePath(id)).text)

	w.clock.Advance(time.Hour)
	require.Equal(t, http.StatusNoContent, c.delete("/api/v1/account/exports/"+asked.str("id")).status)
	require.Equal(t, "account_closed", c.post("/api/v1/account/exports", nil).str("code"), "what is being purged must not grow")
}

func TestAFailedExportSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tenant := w.tenant()
	id := w.archive(tenant, []byte("x"))
	w.insert("specter_retention", tenant.AccountID, `UPDATE export_builds SET state = 'failed', failure = 'too_large' WHERE export_id = $1`, id)
	r := w.withToken(tenant.Token).get("/api/v1/account/exports/" + id.String())
	require.Equal(t, "failed", r.str("status"))
	require.Equal(t, "too_large", r.str("failure.code"))
	require.Contains(t, r.str("failure.detail"), "SPECTER_EXPORT_MAX_BYTES")
	require.Equal(t, http.StatusConflict, w.withToken(tenant.Token).get(archivePath(id)).status)
}
