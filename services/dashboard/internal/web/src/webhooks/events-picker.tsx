import { useState } from "react";
import { Failure, inputClass, Loading } from "../parts/ui";
import { useWebhookEvents } from "./queries";

/** Which events are sent, each with a sample of what the receiver gets. */
export function EventsPicker({ chosen, onChange }: { chosen: string[]; onChange: (events: string[]) => void }) {
  const events = useWebhookEvents();
  const [shown, setShown] = useState<string>();
  if (events.isPending) return <Loading what="Loading events" />;
  if (events.error) return <Failure error={events.error} />;
  const all = chosen.includes("*") || chosen.length === 0;
  const toggle = (name: string) => onChange(chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen.filter((other) => other !== "*"), name]);
  const sample = events.data.items.find((event) => event.name === shown);
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1 text-sm font-medium">Events</legend>
      <label className="flex items-center gap-2 text-sm">
        <input type="checkbox" checked={all} onChange={() => onChange(all ? ["proposal.created"] : ["*"])} />
        All events, also those that are added later
      </label>
      {!all && (
        <ul className="grid gap-1 sm:grid-cols-2">
          {events.data.items.map((event) => (
            <li key={event.name}>
              <label className="flex items-start gap-2 text-sm">
                <input type="checkbox" className="mt-1" checked={chosen.includes(event.name)} onChange={() => toggle(event.name)} />
                <span>
                  <code>{event.name}</code>
                  <span className="block text-xs text-soft">{event.description}</span>
                </span>
              </label>
            </li>
          ))}
        </ul>
      )}
      <label className="block text-sm">
        <span className="mb-1 block text-soft">Show a sample of</span>
        <select className={`${inputClass} sm:w-72`} value={shown ?? ""} onChange={(change) => setShown(change.target.value || undefined)}>
          <option value="">no event</option>
          {events.data.items.map((event) => (
            <option key={event.name}>{event.name}</option>
          ))}
        </select>
      </label>
      {sample && (
        <pre tabIndex={0} aria-label={`Sample of ${sample.name}`} className="max-h-72 overflow-auto rounded-lg border border-line bg-ground p-3 text-xs">
          {JSON.stringify(sample.sample, null, 2)}
        </pre>
      )}
    </fieldset>
  );
}
