import { useState } from "react";
import { Link } from "wouter";
import { asMoment } from "../format";
import { Button, Card, Chip, Empty, Failure, Field, inputClass, Loading } from "../parts/ui";
import { Days } from "./days";
import { EventsPicker } from "./events-picker";
import { create, useChange, useEndpoints } from "./queries";
import { Secret } from "./secret";
import { endpointState, type Endpoint } from "./words";

/** All endpoints of the account, and how to add one. */
export function EndpointList({ href }: { href: (endpoint: string) => string }) {
  const endpoints = useEndpoints();
  return (
    <div className="space-y-6">
      <Card label="Webhook endpoints">
        <h2 className="mb-3 font-semibold">Endpoints</h2>
        {endpoints.isPending && <Loading what="Loading endpoints" />}
        {endpoints.error && <Failure error={endpoints.error} />}
        {endpoints.data?.items.length === 0 && (
          <Empty>No endpoint yet. Events such as proposal.created and deployment.regressed can be sent to your own URL, signed.</Empty>
        )}
        <ul className="divide-y divide-line">{endpoints.data?.items.map((endpoint) => <Row key={endpoint.id} endpoint={endpoint} href={href(endpoint.id)} />)}</ul>
      </Card>
      <NewEndpoint />
    </div>
  );
}

function Row({ endpoint, href }: { endpoint: Endpoint; href: string }) {
  const state = endpointState(endpoint);
  return (
    <li className="flex flex-wrap items-center justify-between gap-3 py-3 text-sm">
      <div className="min-w-0 flex-1">
        <Link href={href} className="font-medium break-all text-accent hover:underline">
          {endpoint.url}
        </Link>
        <p className="text-xs text-soft">
          {endpoint.description !== "" && `${endpoint.description} · `}
          {endpoint.events.includes("*") ? "all events" : endpoint.events.join(", ")}
          {endpoint.last_success_at !== undefined && ` · last delivered ${asMoment(endpoint.last_success_at)}`}
        </p>
        {state.why !== undefined && <p className="mt-1 text-xs">{state.why}</p>}
      </div>
      <Days endpoint={endpoint} />
      <Chip tone={state.tone}>{state.words}</Chip>
    </li>
  );
}

function NewEndpoint() {
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [events, setEvents] = useState(["*"]);
  const made = useChange(create, () => {
    setUrl("");
    setDescription("");
    setEvents(["*"]);
  });
  return (
    <Card label="New endpoint">
      <h2 className="mb-3 font-semibold">New endpoint</h2>
      {made.error && <Failure error={made.error} />}
      {made.data && (
        <div role="status" className="mb-4 rounded-lg border border-good/50 p-3 text-sm">
          <p className="mb-2">
            Added <span className="break-all">{made.data.endpoint.url}</span>. Its signing secret:
          </p>
          <Secret text={made.data.secret} />
        </div>
      )}
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          made.mutate({ url, description, events });
        }}
      >
        <Field label="URL">
          <input className={inputClass} type="url" required maxLength={2000} value={url} placeholder="https://" onChange={(e) => setUrl(e.target.value)} />
        </Field>
        <Field label="Description (optional)">
          <input className={inputClass} maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />
        </Field>
        <EventsPicker chosen={events} onChange={setEvents} />
        <Button type="submit" look="primary" disabled={made.isPending}>
          Add endpoint
        </Button>
      </form>
    </Card>
  );
}
