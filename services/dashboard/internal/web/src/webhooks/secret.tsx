import { useState } from "react";
import { asMoment } from "../format";
import { CopyButton } from "../parts/copy-button";
import { Button, Card, Failure } from "../parts/ui";
import { reveal, rotate, useChange } from "./queries";
import type { Endpoint } from "./words";

/** A secret with a button that copies it. */
export function Secret({ text }: { text: string }) {
  return (
    <span className="flex flex-wrap items-center gap-2">
      <code className="break-all">{text}</code>
      <CopyButton text={text} />
    </span>
  );
}

const overlaps: readonly (readonly [number, string])[] = [
  [0, "ends at once"],
  [1, "signs too for 1 hour"],
  [24, "signs too for 24 hours"],
  [168, "signs too for 7 days"],
];

/** Shows the signing secret to who may change it, and replaces it with an overlap. */
export function SecretCard({ endpoint }: { endpoint: Endpoint }) {
  const [hours, setHours] = useState(24);
  const shown = useChange(() => reveal(endpoint.id));
  const rotated = useChange(() => rotate(endpoint.id, hours), shown.reset);
  const secret = rotated.data?.secret ?? shown.data?.secret;
  const until = endpoint.secret_overlap_until;
  const failure = shown.error ?? rotated.error;
  return (
    <Card label="Signing secret">
      <h2 className="mb-3 font-semibold">Signing secret</h2>
      {failure && <Failure error={failure} />}
      <div className="mb-3 text-sm">{secret === undefined ? <Button onClick={() => shown.mutate(undefined)}>Show the secret</Button> : <Secret text={secret} />}</div>
      {until !== undefined && new Date(until) > new Date() && (
        <p role="status" className="mb-3 text-sm">
          Until {asMoment(until)} requests carry two signatures: of this secret and of the one before it.
        </p>
      )}
      <div className="flex flex-wrap items-end gap-2">
        <label className="text-sm">
          <span className="mb-1 block text-soft">When it is rotated, the old secret</span>
          <select className="rounded-lg border border-line bg-ground px-3 py-2" value={hours} onChange={(change) => setHours(Number(change.target.value))}>
            {overlaps.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <Button onClick={() => rotated.mutate(undefined)} disabled={rotated.isPending}>
          Rotate the secret
        </Button>
      </div>
    </Card>
  );
}
