import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ApiError, unwrap, type Context } from "../api";
import { asMoment, asPercent } from "../format";
import { Button, Failure } from "./ui";

/** Asks for an analysis, or a dry run of one, and shows what came of it. */
export function RunNow({ context, product }: { context: Context; product: string }) {
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: (dryRun: boolean) =>
      unwrap(api.POST("/api/v1/contexts/{context_id}/analyses", { params: { path: { context_id: context.id } }, body: { dry_run: dryRun } })),
  });
  const id = ask.data?.analysis_id;
  const result = useQuery({
    queryKey: ["analysis", id],
    queryFn: () => unwrap(api.GET("/api/v1/analyses/{analysis_id}", { params: { path: { analysis_id: id ?? "" } } })),
    enabled: id !== undefined,
    // It is not there before it was made.
    retry: (count, error) => error instanceof ApiError && error.status === 404 && count < 60,
    retryDelay: 1000,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const made = result.data;
  useEffect(() => {
    if (made !== undefined && !made.dry_run) void queries.invalidateQueries({ queryKey: ["contexts", product] });
  }, [made, queries, product]);
  const waiting = ask.isPending || (id !== undefined && result.isPending);
  return (
    <>
      <Button onClick={() => ask.mutate(false)} disabled={waiting}>
        {waiting ? "Analysing…" : "Run now"}
      </Button>
      <Button onClick={() => ask.mutate(true)} disabled={waiting}>
        Dry run
      </Button>
      <div className="order-last w-full text-sm empty:-mt-2" aria-live="polite">
        {ask.error && <Failure error={ask.error} />}
        {result.error && !result.isPending && <Failure error={result.error} />}
        {made && (
          <p className="text-soft">
            {made.dry_run ? "Dry run" : "Analysis"} of {asMoment(made.finished_at)}: {made.reason}.
          </p>
        )}
        {made?.detail?.preview?.map((finding) => (
          <p key={finding.family + finding.started_at} className="mt-1">
            Would open: {finding.family.replaceAll("_", " ")}, severity {asPercent(finding.severity)}, since {asMoment(finding.started_at)}. {finding.summary}
          </p>
        ))}
      </div>
    </>
  );
}
