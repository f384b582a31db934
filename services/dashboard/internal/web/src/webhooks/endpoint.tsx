import { useState } from "react";
import { Link, useLocation } from "wouter";
import { asCount, asMoment } from "../format";
import { Button, Card, Chip, Failure, Field, inputClass, Loading } from "../parts/ui";
import { Days } from "./days";
import { Deliveries } from "./deliveries";
import { EventsPicker } from "./events-picker";
import { recover, remove, test, update, useChange, useEndpoint } from "./queries";
import { SecretCard } from "./secret";
import { VerifyCard } from "./verify";
import { endpointState, type Endpoint } from "./words";

/** One endpoint: how it stands, what it gets, its secret and its log. */
export function EndpointDetail({ id, back }: { id: string; back: string }) {
  const endpoint = useEndpoint(id);
  return (
    <div className="space-y-6">
      <Link href={back} className="text-sm text-accent hover:underline">
        ← All endpoints
      </Link>
      {endpoint.isPending && <Loading what="Loading the endpoint" />}
      {endpoint.error && <Failure error={endpoint.error} />}
      {endpoint.data && (
        <>
          <Overview endpoint={endpoint.data} back={back} />
          <Deliveries endpoint={endpoint.data} />
          <SecretCard endpoint={endpoint.data} />
          <VerifyCard />
          <Edit key={endpoint.data.id} endpoint={endpoint.data} />
        </>
      )}
    </div>
  );
}

function Overview({ endpoint, back }: { endpoint: Endpoint; back: string }) {
  const [, navigate] = useLocation();
  const [sure, setSure] = useState(false);
  const state = endpointState(endpoint);
  const sending = endpoint.status === "enabled" || endpoint.status === "failing";
  const toggled = useChange(() => update(endpoint.id, { enabled: !sending }));
  const tested = useChange(() => test(endpoint.id));
  const removed = useChange(
    () => remove(endpoint.id),
    () => navigate(back),
  );
  const failure = toggled.error ?? tested.error ?? removed.error;
  return (
    <Card label="Endpoint">
      <div className="mb-3 flex flex-wrap items-center justify-between gap-3">
        <h2 className="font-semibold break-all">{endpoint.url}</h2>
        <Chip tone={state.tone}>{state.words}</Chip>
      </div>
      {failure && <Failure error={failure} />}
      {state.why !== undefined && (
        <p role="status" className="mb-3 text-sm">
          {state.why}
        </p>
      )}
      <div className="mb-4 flex flex-wrap items-center gap-4">
        <Days endpoint={endpoint} />
        <span className="text-xs text-soft">{endpoint.last_success_at === undefined ? "nothing delivered yet" : `last delivered ${asMoment(endpoint.last_success_at)}`}</span>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button look="primary" onClick={() => tested.mutate(undefined)} disabled={!sending || tested.isPending}>
          <span aria-live="polite">{tested.isSuccess ? "Test sent" : "Send a test event"}</span>
        </Button>
        <Button onClick={() => toggled.mutate(undefined)} disabled={toggled.isPending}>
          {sending ? "Pause" : "Resume"}
        </Button>
        {sure ? (
          <>
            <Button className="text-bad" onClick={() => removed.mutate(undefined)}>
              Yes, remove it
            </Button>
            <Button onClick={() => setSure(false)}>Keep it</Button>
          </>
        ) : (
          <Button onClick={() => setSure(true)}>Remove</Button>
        )}
      </div>
      <Recover endpoint={endpoint} sending={sending} />
    </Card>
  );
}

const spans: readonly (readonly [number, string])[] = [
  [1, "the last hour"],
  [6, "the last 6 hours"],
  [24, "the last day"],
  [72, "the last 3 days"],
  [168, "the last week"],
  [719, "the last 30 days"],
];

function Recover({ endpoint, sending }: { endpoint: Endpoint; sending: boolean }) {
  const [hours, setHours] = useState(24);
  const recovered = useChange(() => recover(endpoint.id, new Date(Date.now() - hours * 3_600_000).toISOString()));
  return (
    <div className="mt-4 flex flex-wrap items-end gap-2 border-t border-line pt-4">
      <label className="text-sm">
        <span className="mb-1 block text-soft">Send again what failed or was not sent in</span>
        <select className="rounded-lg border border-line bg-ground px-3 py-2" value={hours} onChange={(change) => setHours(Number(change.target.value))}>
          {spans.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <Button onClick={() => recovered.mutate(undefined)} disabled={!sending || recovered.isPending} title={sending ? undefined : "Resume the endpoint first"}>
        Recover
      </Button>
      {recovered.data && (
        <span role="status" className="text-sm">
          {asCount(recovered.data.deliveries)} on their way again
        </span>
      )}
      {recovered.error && <Failure error={recovered.error} />}
    </div>
  );
}

function Edit({ endpoint }: { endpoint: Endpoint }) {
  const [url, setUrl] = useState(endpoint.url);
  const [description, setDescription] = useState(endpoint.description);
  const [events, setEvents] = useState(endpoint.events);
  const saved = useChange(() => update(endpoint.id, { url, description, events }));
  return (
    <Card label="Edit the endpoint">
      <h2 className="mb-3 font-semibold">Edit</h2>
      {saved.error && <Failure error={saved.error} />}
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          saved.mutate(undefined);
        }}
      >
        <Field label="URL">
          <input className={inputClass} type="url" required maxLength={2000} value={url} onChange={(e) => setUrl(e.target.value)} />
        </Field>
        <Field label="Description">
          <input className={inputClass} maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />
        </Field>
        <EventsPicker chosen={events} onChange={setEvents} />
        <Button type="submit" disabled={saved.isPending}>
          <span aria-live="polite">{saved.isSuccess ? "Saved" : "Save"}</span>
        </Button>
      </form>
    </Card>
  );
}
