package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

const (
	// stall is how long a download may be silent before the connection counts as lost.
	stall = 30 * time.Second
	// maxCuts is how often in a row a download may break without having brought anything.
	maxCuts = 6
)

// ErrChanged means that the archive is another than the one whose download was begun.
var ErrChanged = errors.New("the archive is not the one that was begun")

// CreateExport asks for an export; key makes repeating harmless.
func (c *Client) CreateExport(ctx context.Context, key string) (api.Export, error) {
	var export api.Export
	err := call(ctx, true, &export, func(ctx context.Context) (*http.Response, error) {
		return c.api.CreateExport(ctx, &api.CreateExportParams{IdempotencyKey: &key})
	})
	return export, err
}

// Export reads one.
func (c *Client) Export(ctx context.Context, id uuid.UUID) (api.Export, error) {
	var export api.Export
	err := call(ctx, true, &export, func(ctx context.Context) (*http.Response, error) { return c.api.GetExport(ctx, id) })
	return export, err
}

// Exports lists exports, newest first.
func (c *Client) Exports(ctx context.Context) ([]api.Export, error) {
	return pages(ctx, func(ctx context.Context, cursor *string) ([]api.Export, *string, error) {
		var page api.ExportPage
		err := call(ctx, true, &page, func(ctx context.Context) (*http.Response, error) {
			return c.api.ListExports(ctx, &api.ListExportsParams{Limit: limit(), Cursor: cursor})
		})
		return page.Items, page.NextCursor, err
	})
}

// DeleteExport removes an export, finished or not.
func (c *Client) DeleteExport(ctx context.Context, id uuid.UUID) error {
	return call(ctx, true, nil, func(ctx context.Context) (*http.Response, error) { return c.api.DeleteExport(ctx, id) })
}

// Download appends to out what follows the first have bytes of an archive. A connection that breaks is made anew, and the
// download goes on where it ended. seen is told how many bytes there are.
func (c *Client) Download(ctx context.Context, export api.Export, out io.Writer, have int64, seen func(have int64)) error {
	if export.Sha256 == nil || export.Bytes == nil {
		return errors.New("the export is not ready")
	}
	backoff := firstBackoff
	for cuts := 0; have < *export.Bytes; {
		n, err := c.piece(ctx, export, out, have, seen)
		if have += n; n > 0 {
			cuts, backoff = 0, firstBackoff
		}
		var refused *Error
		switch {
		case err == nil:
			continue
		case errors.As(err, &refused) && refused.Status != http.StatusTooManyRequests && refused.Status < http.StatusInternalServerError:
			return err
		case errors.Is(err, ErrChanged), errors.Is(err, errDisk), ctx.Err() != nil:
			return err
		}
		if cuts++; cuts == maxCuts {
			return err
		}
		timer := time.NewTimer(backoff)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		backoff = min(2*backoff, maxBackoff)
	}
	return nil
}

// errDisk means that what came could not be kept: asking again is of no use.
var errDisk = errors.New("writing the download")

// piece reads as much of the archive as one connection brings.
func (c *Client) piece(ctx context.Context, export api.Export, out io.Writer, from int64, seen func(int64)) (n int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(stall, cancel)
	defer silence.Stop()
	params := &api.DownloadExportParams{}
	if from > 0 {
		wanted, tag := fmt.Sprintf("bytes=%d-", from), `"`+*export.Sha256+`"`
		params.Range, params.IfRange = &wanted, &tag
	}
	response, err := c.api.DownloadExport(ctx, export.Id, params)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusOK && from > 0, response.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return 0, ErrChanged
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusPartialContent:
		var body bytes.Buffer
		_, _ = body.ReadFrom(io.LimitReader(response.Body, 1<<20)) // whatever could be read explains it
		return 0, refusal(response.StatusCode, body.Bytes())
	}
	buffer := make([]byte, 64<<10)
	for {
		read, err := response.Body.Read(buffer)
		if read > 0 {
			silence.Reset(stall)
			if _, err := out.Write(buffer[:read]); err != nil {
				return n, fmt.Errorf("%w: %w", errDisk, err)
			}
			n += int64(read)
			seen(from + n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
}
