package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hookrouter/models"
)

// importReaders make rows of what each system answers when it is asked for its webhooks. The error says that the file as a whole is
// something else. teams are the workspaces of Documenso's teams.
var importReaders = map[string]func(text []byte, teams map[string]string) ([]importRow, error){
	"yousign": func(text []byte, _ map[string]string) ([]importRow, error) {
		return readRows(text, yousignList, yousignRow)
	},
	"quicklysign": func(text []byte, _ map[string]string) ([]importRow, error) {
		return readRows(text, quicklySignList, quicklySignRow)
	},
	"documenso": readDocumenso,
}

// readRows reads a list and makes a row of each element.
func readRows[T any](text []byte, list func([]byte) ([]json.RawMessage, error), row func(*T, *importRow)) ([]importRow, error) {
	if !json.Valid(text) {
		return nil, errors.New("the file is no JSON")
	}
	elements, err := list(text)
	if err != nil {
		return nil, err
	}
	rows := make([]importRow, 0, len(elements))
	for _, element := range elements {
		var r importRow
		var there T
		if err := json.Unmarshal(element, &there); err != nil {
			r.refuse(notOfType(err))
		}
		row(&there, &r)
		rows = append(rows, r)
	}
	return rows, nil
}

// notOfType says which field has the wrong type. The value is not repeated: it may be a secret.
func notOfType(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return e.Field + " has the wrong type"
	}
	return "it is no object"
}

// refuse keeps the first reason.
func (r *importRow) refuse(reason string) {
	if r.refused == "" {
		r.refused = reason
	}
}

// require refuses a row that lacks a field.
func (r *importRow) require(field string, present bool) {
	if !present {
		r.refuse(field + " is missing")
	}
}

// given is what a pointer points to, and the zero value for nil.
func given[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// yousignList is GET /v3/webhooks there: a bare array.
func yousignList(text []byte) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return nil, errors.New("the file is not what GET /v3/webhooks of Yousign answers: a list")
	}
	return list, nil
}

type yousignWebhook struct {
	ID          string   `json:"id"`
	Endpoint    *string  `json:"endpoint"`
	Description *string  `json:"description"`
	Sandbox     *bool    `json:"sandbox"`
	Events      []string `json:"subscribed_events"`
	Secret      *string  `json:"secret_key"`
	Scopes      []string `json:"scopes"`
	Workspaces  []string `json:"workspaces"`
	AutoRetry   *bool    `json:"auto_retry"`
	Enabled     *bool    `json:"enabled"`
}

func yousignRow(there *yousignWebhook, r *importRow) {
	r.name = there.ID
	r.require("endpoint", there.Endpoint != nil)
	r.require("sandbox", there.Sandbox != nil)
	r.require("subscribed_events", there.Events != nil)
	r.require("scopes", there.Scopes != nil)
	r.require("auto_retry", there.AutoRetry != nil)
	r.require("enabled", there.Enabled != nil)
	if there.Workspaces == nil {
		there.Workspaces = []string{models.Any}
	}
	if given(there.Secret) == "" {
		there.Secret, r.note = nil, "its secret is not in the file, so it gets a new one"
	}
	r.wanted = wantedWebhook{
		Endpoint: given(there.Endpoint), Description: there.Description, Sandbox: given(there.Sandbox), Events: there.Events,
		Scopes: there.Scopes, Workspaces: there.Workspaces, AutoRetry: given(there.AutoRetry), Enabled: given(there.Enabled),
		Secret: there.Secret, Format: string(models.FormatYousign),
	}
}

// quicklySignList is GET /v1/webhooks there.
func quicklySignList(text []byte) ([]json.RawMessage, error) {
	var answer struct {
		Status struct {
			Code int `json:"status_code"`
		} `json:"status"`
		Data struct {
			Webhooks      []json.RawMessage `json:"webhooks"`
			Subscriptions []json.RawMessage `json:"subscriptions"`
		} `json:"data"`
		Pagination struct {
			Next string `json:"next"`
		} `json:"pagination"`
	}
	err := json.Unmarshal(text, &answer)
	switch {
	case err == nil && answer.Status.Code >= 300:
		return nil, fmt.Errorf("the file is an answer with status_code %d", answer.Status.Code)
	case err == nil && answer.Data.Subscriptions != nil:
		return nil, errors.New("the file lists subscriptions of V0, whose receivers look for subscription_key; list them with GET /v1/webhooks to bring them over as webhooks of V1")
	case err != nil || answer.Data.Webhooks == nil:
		return nil, errors.New("the file is not what GET /v1/webhooks of QuicklySign answers: data.webhooks is missing")
	case answer.Pagination.Next != "": // whoever moves in with a part of it misses events and is told nothing
		return nil, errors.New("the list goes on at pagination.next; put the webhooks of all pages into one data.webhooks, and leave pagination out")
	}
	return answer.Data.Webhooks, nil
}

type quicklySignWebhook struct {
	Key       string  `json:"key"`
	EntityKey *string `json:"entity_key"`
	Callback  *string `json:"callback"`
}

// quicklySignEvents are the names of the events that a webhook gets there.
func quicklySignEvents() (names []string) {
	for _, p := range models.QuicklySignEvents(false) {
		names = append(names, string(p))
	}
	return names
}

func quicklySignRow(there *quicklySignWebhook, r *importRow) {
	r.name = there.Key
	r.require("callback", there.Callback != nil)
	r.require("entity_key", given(there.EntityKey) != "")
	r.note = "its webhook_key will be another one"
	r.wanted = wantedWebhook{
		Endpoint: given(there.Callback), Events: quicklySignEvents(), Scopes: []string{models.Any}, Workspaces: []string{models.Any},
		AutoRetry: true, Enabled: true, Format: string(models.FormatQuicklySign), EntityKey: there.EntityKey,
	}
}

// documensoList is what webhook.getTeamWebhooks answers: an array, in the envelope of tRPC or alone. The envelope is an array itself where
// the call was one of a batch, and has the value below json where superjson wrote it.
func documensoList(text []byte) ([]json.RawMessage, error) {
	type envelope struct {
		Result *struct {
			Data json.RawMessage `json:"data"`
		} `json:"result"`
	}
	wrong := errors.New("the file is not what webhook.getTeamWebhooks of Documenso answers: a list, alone or as result.data.json")
	var batch []envelope
	var one envelope
	if json.Unmarshal(text, &batch) == nil && len(batch) == 1 && batch[0].Result != nil {
		one = batch[0]
	} else if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) && json.Unmarshal(text, &one) != nil {
		return nil, wrong
	}
	if one.Result != nil {
		text = one.Result.Data
		var inner struct {
			JSON json.RawMessage `json:"json"`
		}
		if json.Unmarshal(text, &inner) == nil && inner.JSON != nil {
			text = inner.JSON
		}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return nil, wrong
	}
	return list, nil
}

type documensoWebhook struct {
	ID       string   `json:"id"`
	URL      *string  `json:"webhookUrl"`
	Triggers []string `json:"eventTriggers"`
	Secret   *string  `json:"secret"`
	Enabled  *bool    `json:"enabled"`
	TeamID   *int64   `json:"teamId"`
}

// readDocumenso gives the webhooks of each team its workspace. Failure policy: without workspaces only one team's are taken, because the
// webhooks of several would get each other's documents.
func readDocumenso(text []byte, teams map[string]string) ([]importRow, error) {
	names := map[string]string{} // of events by those of triggers
	for _, t := range models.BuiltinCatalogue().Types() {
		if t.Family == models.FamilyDocumenso {
			names[strings.ToUpper(strings.ReplaceAll(t.Name, ".", "_"))] = t.Name
		}
	}
	found := map[string]bool{}
	var owners []string
	rows, err := readRows(text, documensoList, func(there *documensoWebhook, r *importRow) {
		documensoRow(there, names, r)
		owner := "" // of a user
		if there.TeamID != nil {
			owner = strconv.FormatInt(*there.TeamID, 10)
		}
		found[owner], owners = true, append(owners, owner)
		if workspace, ok := teams[owner]; ok {
			r.wanted.Workspaces = []string{workspace}
		} else if len(teams) > 0 && owner != "" {
			r.refuse("no --team names a workspace for team " + owner)
		}
	})
	for team := range teams {
		if !found[team] {
			return nil, fmt.Errorf("--team %s: no webhook is of this team", team)
		}
	}
	if len(found) > 1 && len(teams) == 0 {
		for i := range rows {
			rows[i].refuse("the webhooks are of several teams; --team " + owners[i] + "=WORKSPACE keeps them apart")
		}
	}
	return rows, err
}

func documensoRow(there *documensoWebhook, names map[string]string, r *importRow) {
	r.name = there.ID
	r.require("webhookUrl", there.URL != nil)
	r.require("eventTriggers", len(there.Triggers) > 0)
	r.require("enabled", there.Enabled != nil)
	events := make([]string, 0, len(there.Triggers))
	for _, trigger := range there.Triggers {
		name, ok := names[trigger]
		if !ok {
			r.refuse("eventTriggers has one that is not known here")
		}
		events = append(events, name)
	}
	if given(there.Secret) == "" {
		there.Secret = nil
	}
	slices.Sort(events)
	r.wanted = wantedWebhook{
		Endpoint: given(there.URL), Events: slices.Compact(events), Scopes: []string{models.Any}, Workspaces: []string{models.Any}, AutoRetry: true,
		Enabled: given(there.Enabled), Secret: there.Secret, Format: string(models.FormatDocumenso),
	}
}
