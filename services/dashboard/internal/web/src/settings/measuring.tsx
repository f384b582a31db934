import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api";
import { analytics } from "../measure";
import { Card, Failure } from "../parts/ui";

/** The account's switch for measuring the use of this dashboard; nothing where the operator measures nothing. */
export function MeasuringCard() {
  const queries = useQueryClient();
  const measuring = useQuery(analytics);
  const change = useMutation({
    mutationFn: (enabled: boolean) => unwrap(api.PUT("/api/v1/account/analytics", { body: { enabled } })),
    onSuccess: (state) => queries.setQueryData(analytics.queryKey, state),
  });
  if (measuring.data?.instance !== true) return null;
  return (
    <Card label="Measuring">
      <h2 className="font-semibold">Measuring this dashboard</h2>
      <p className="mt-1 text-sm text-soft">
        Whoever runs this server counts which pages of it are opened, with PostHog. Nothing of your signals, products or people is in that; <a className="text-accent underline" href="/privacy">the page about privacy</a> says what is.
      </p>
      <label className="mt-3 flex items-center gap-2 text-sm">
        <input type="checkbox" className="size-4" checked={measuring.data.account} disabled={change.isPending} onChange={(event) => change.mutate(event.target.checked)} />
        Count the pages that this account opens
      </label>
      {measuring.data.refused && <p className="mt-2 text-sm text-soft">This browser asks not to be tracked, so its pages are not counted.</p>}
      {change.error && <Failure error={change.error} />}
    </Card>
  );
}
