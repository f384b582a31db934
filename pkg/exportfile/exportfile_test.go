package exportfile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/exportfile"
)

var made = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

type file struct {
	path    string
	content string
}

// pack makes an archive of files with the manifest that change leaves.
func pack(t testing.TB, files []file, change func(*exportfile.Manifest)) []byte {
	t.Helper()
	m := exportfile.Manifest{Format: exportfile.Format, Version: exportfile.Version, AsOf: made}
	packer, out := exportfile.NewPacker(), &bytes.Buffer{}
	add := func(path, content string) { require.NoError(t, packer.Pack(out, path, made, []byte(content))) }
	tables := map[string]int64{}
	for _, f := range files {
		e := exportfile.NewEntry(f.path, "", exportfile.Text, 0, []byte(f.content))
		if dir, name, isTable := strings.Cut(f.path, "/"); isTable {
			e.Table, e.Format = strings.SplitN(name, ".", 2)[0], map[string]string{"json": exportfile.JSON, "csv": exportfile.CSV}[dir]
			e.Rows = int64(strings.Count(f.content, "\n"))
			if e.Format == exportfile.CSV {
				e.Rows--
			} else {
				tables[e.Table] += e.Rows
				m.Rows += e.Rows
			}
		}
		m.Entries = append(m.Entries, e)
		add(f.path, f.content)
	}
	for name, rows := range tables {
		m.Tables = append(m.Tables, exportfile.Table{Name: name, Rows: rows})
	}
	sums := exportfile.Sums(m.Entries)
	sum := sha256.Sum256(sums)
	m.ContentsSHA256 = hex.EncodeToString(sum[:])
	if change != nil {
		change(&m)
	}
	add(exportfile.SumsName, string(sums))
	text, err := json.Marshal(m)
	require.NoError(t, err)
	add(exportfile.ManifestName, string(text))
	require.NoError(t, packer.End(out))
	return out.Bytes()
}

func whole() []file {
	return []file{{"README.txt", "Hello"}, {"json/a.jsonl", "{}\n{}\n"}, {"csv/a.csv", "x\r\n1\r\n2\r\n"}, {"json/a.part2.jsonl", "{}\n"}}
}

func TestAWholeArchiveIsFoundWhole(t *testing.T) {
	t.Parallel()
	data := pack(t, whole(), nil)
	m, err := exportfile.Verify(bytes.NewReader(data))
	require.NoError(t, err)
	require.EqualValues(t, 3, m.Rows)

	// The standard library reads its members as one file.
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	names := []string{}
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		names = append(names, header.Name)
	}
	require.Equal(t, []string{"README.txt", "json/a.jsonl", "csv/a.csv", "json/a.part2.jsonl", "SHA256SUMS", "manifest.json"}, names)
}

func TestWhateverIsWrongWithAnArchiveIsFound(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*exportfile.Manifest){
		"a file more": func(m *exportfile.Manifest) { m.Entries = m.Entries[:3] },
		"a file less": func(m *exportfile.Manifest) {
			m.Entries = append(m.Entries, exportfile.NewEntry("x", "", "text", 0, nil))
		},
		"another order":       func(m *exportfile.Manifest) { m.Entries[0], m.Entries[1] = m.Entries[1], m.Entries[0] },
		"another content":     func(m *exportfile.Manifest) { m.Entries[0].SHA256 = strings.Repeat("0", 64) },
		"another size":        func(m *exportfile.Manifest) { m.Entries[0].Bytes++ },
		"other rows":          func(m *exportfile.Manifest) { m.Entries[1].Rows++ },
		"other rows of CSV":   func(m *exportfile.Manifest) { m.Entries[2].Rows++ },
		"other rows in all":   func(m *exportfile.Manifest) { m.Rows++ },
		"other rows of table": func(m *exportfile.Manifest) { m.Tables[0].Rows++ },
		"another list":        func(m *exportfile.Manifest) { m.ContentsSHA256 = strings.Repeat("0", 64) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := exportfile.Verify(bytes.NewReader(pack(t, whole(), change)))
			require.ErrorIs(t, err, exportfile.ErrDamaged)
		})
	}
	_, err := exportfile.Verify(bytes.NewReader(pack(t, whole(), func(m *exportfile.Manifest) { m.Version = 2 })))
	require.ErrorContains(t, err, "version 2")
}

func TestAnyBrokenByteIsFound(t *testing.T) {
	t.Parallel()
	data := pack(t, whole(), nil)
	for end := range data {
		_, err := exportfile.Verify(bytes.NewReader(data[:end]))
		require.ErrorIs(t, err, exportfile.ErrDamaged, "cut at %d of %d", end, len(data))
	}
	_, err := exportfile.Verify(bytes.NewReader(append(bytes.Clone(data), "more"...)))
	require.ErrorIs(t, err, exportfile.ErrDamaged)
	rapid.Check(t, func(t *rapid.T) {
		broken := bytes.Clone(data)
		at, bit := rapid.IntRange(0, len(data)-1).Draw(t, "at"), rapid.IntRange(0, 7).Draw(t, "bit")
		broken[at] ^= 1 << bit
		m, err := exportfile.Verify(bytes.NewReader(broken))
		if err == nil { // a bit that means nothing, such as the time in a member's header
			require.EqualValues(t, 3, m.Rows)
			require.Equal(t, content(t, data), content(t, broken))
		}
	})
}

// content is what an archive unpacks to.
func content(t require.TestingT, data []byte) []byte {
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	out, err := io.ReadAll(zipped)
	require.NoError(t, err)
	return out
}

func TestACellIsHarmlessAndCanBeReadBack(t *testing.T) {
	t.Parallel()
	columns := []exportfile.Column{{Name: "a", Type: "text"}, {Name: "b", Type: "int8"}, {Name: "c", Type: "jsonb"}, {Name: "d", Type: "timestamptz"}, {Name: "e", Type: "bool"}}
	line, err := exportfile.AppendCSV(nil, columns, [][]byte{[]byte(`=cmd|'/c calc'!A1`), []byte("-5"), []byte(`{"x": "a, b"}`), []byte("2026-11-26 08:02:37.5+00"), []byte("t")})
	require.NoError(t, err)
	require.Equal(t, `'=cmd|'/c calc'!A1,-5,"{""x"":""a, b""}",2026-11-26T08:02:37.5Z,true`+"\r\n", string(line))
	line, err = exportfile.AppendCSV(nil, columns, [][]byte{{}, nil, nil, nil, []byte("f")})
	require.NoError(t, err)
	require.Equal(t, "\"\",,,,false\r\n", string(line), "an empty text is not an absent one")

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[=+\-@'\t\r\n＝]{0,3}.*`)).Draw(t, "text")
		require.Equal(t, text, exportfile.Unguard(exportfile.Guard(text)))
		line, err := exportfile.AppendCSV(nil, columns[:1], [][]byte{[]byte(text)})
		require.NoError(t, err)
		if text != "" {
			require.NotContains(t, "=+-@\t\r\n", strings.TrimPrefix(string(line), `"`)[:1])
		}
		records, err := csv.NewReader(bytes.NewReader(line)).ReadAll()
		require.NoError(t, err)
		// Go's reader makes one line break of each \r\n, once: "\r\r\n" becomes "\r\n".
		require.Equal(t, strings.ReplaceAll(text, "\r\n", "\n"), exportfile.Unguard(records[0][0]))
	})
}

func TestALineOfJSONSaysWhatIsStored(t *testing.T) {
	t.Parallel()
	columns := []exportfile.Column{{Name: "n", Type: "numeric"}, {Name: "f", Type: "float8"}, {Name: "j", Type: "json"}, {Name: "l", Type: "text[]"}, {Name: "t", Type: "timestamptz"}, {Name: "x", Type: "uuid"}}
	line, err := exportfile.AppendJSON(nil, columns, [][]byte{
		[]byte("12345678901234567890.000"), []byte("NaN"), []byte("{\n \"n\" : 1.50, \"s\": \"a\\u2028 b\" }"), []byte(`["a",null]`), []byte("infinity"), nil,
	})
	require.NoError(t, err)
	require.Equal(t, `{"n":12345678901234567890.000,"f":"NaN","j":{"n":1.50,"s":"a\u2028 b"},"l":["a",null],"t":"infinity","x":null}`+"\n", string(line))

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		line, err := exportfile.AppendJSON(nil, []exportfile.Column{{Name: "a", Type: "text"}}, [][]byte{[]byte(text)})
		require.NoError(t, err)
		require.Equal(t, 1, bytes.Count(line, []byte("\n")))
		var got struct{ A string }
		require.NoError(t, json.Unmarshal(line, &got))
		require.Equal(t, text, got.A)
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(pack(f, whole(), nil))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := exportfile.Verify(bytes.NewReader(data)); err == nil && m.Format != exportfile.Format {
			t.Fatal("something else was taken for an export")
		}
	})
}

func TestSizesAreForPeople(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_540_000: "1.5 MB", 84 << 20: "88.1 MB", 5e18: "5000.0 PB"} {
		require.Equal(t, want, exportfile.Size(bytes))
	}
}
