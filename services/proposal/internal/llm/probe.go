package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const probeTimeout = 5 * time.Second

// Probe asks the endpoint for its models, which costs nothing, and returns what it said in a few words. The error is one
// sentence, and fix what to do about it.
func Probe(ctx context.Context, c Config) (detail, fix string, err error) {
	root, err := c.endpoint()
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	response, err := newClient(root, c.APIKey).do(ctx, http.MethodGet, "/models", nil)
	if err != nil {
		return "", "is the address of SPECTER_LLM_BASE_URL right, and may this machine reach it (proxy, firewall)?", fmt.Errorf("no answer from %s", root.Host)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "", "set SPECTER_LLM_API_KEY to a key of this API that is still valid", fmt.Errorf("%s refuses the key (%d)", root.Host, status)
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return root.Host + " answers, and does not list its models; " + c.Model + " could not be looked up", "", nil
	case status != http.StatusOK:
		return "", "proposals are written by the built-in engine meanwhile; ask the provider", fmt.Errorf("%s answers %d", root.Host, status)
	}
	models, err := list(response.Body)
	if err != nil {
		return "", "SPECTER_LLM_BASE_URL must name an OpenAI-compatible API, mostly ending in /v1", fmt.Errorf("%s answers, but not with a list of models", root.Host)
	}
	if len(models) > 0 && !slices.ContainsFunc(models, func(id string) bool { return id == c.Model || strings.HasPrefix(id, c.Model+":") }) {
		return "", "set SPECTER_LLM_MODEL to one of the API's models", fmt.Errorf("%s has %d models, and %s is none of them", root.Host, len(models), c.Model)
	}
	return root.Host + " answers, " + c.Model, "", nil
}

func list(body io.Reader) ([]string, error) {
	raw, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil || len(raw) > maxBody {
		return nil, errors.New("no list")
	}
	var models struct {
		Data *[]struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &models); err != nil || models.Data == nil {
		return nil, errors.New("no list")
	}
	var ids []string
	for _, m := range *models.Data {
		ids = append(ids, m.ID)
	}
	return ids, nil
}
