import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Deployment } from "../api";
import { asMoment } from "../format";
import { Button, Failure, Loading } from "../parts/ui";
import { actorWords, deploymentLink, shippedAs, shortCommit, stepWords, viaWords } from "./words";

/** In a line: when it shipped, as what, where, to whom, and how it was noticed. */
export function DeploymentFacts({ deployment }: { deployment: Deployment }) {
  const as = shippedAs(deployment);
  const link = deploymentLink(deployment);
  const parts = [
    deployment.deployed_at !== undefined && `deployed ${asMoment(deployment.deployed_at)}`,
    deployment.environment !== undefined && `to ${deployment.environment}`,
    deployment.canary_share !== undefined && deployment.canary_share !== 100 && `${deployment.canary_share} % of the traffic`,
    deployment.reported_via !== undefined && viaWords(deployment.reported_via),
    deployment.rolled_back_at !== undefined && `rolled back ${asMoment(deployment.rolled_back_at)}`,
  ].filter((part) => part !== false);
  const merged = deployment.merged;
  return (
    <div className="mt-1 space-y-1 text-sm text-soft">
      <p>
        {deployment.context_name} · approved {asMoment(deployment.created_at)}
        {parts.map((part) => ` · ${part}`)}
        {(as !== "" || link !== undefined) && " · "}
        {link === undefined ? as : <Away href={link}>{as === "" ? "read more" : as}</Away>}
      </p>
      {merged !== undefined && deployment.status === "planned" && (
        <p>
          Merged {asMoment(merged.merged_at)}, not deployed yet:{" "}
          {merged.pull_request_url === undefined ? shortCommit(merged.commit) : <Away href={merged.pull_request_url}>{merged.pull_request_url.replace(/^https?:\/\/[^/]+\//, "")}</Away>}
        </p>
      )}
      {deployment.overlaps !== undefined && deployment.overlaps.length > 0 && (
        <p className="text-warn">
          ⚠ Overlaps with{" "}
          {deployment.overlaps.map((other, i) => (
            <span key={other.deployment_id}>
              {i > 0 && ", "}
              <a href={`#${other.deployment_id}`} className="underline">
                {other.title}
              </a>{" "}
              ({asMoment(other.deployed_at)})
            </span>
          ))}
          : their effects may not be told apart.
        </p>
      )}
    </div>
  );
}

function Away({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} rel="noreferrer" target="_blank" className="break-all text-accent underline">
      {children}
    </a>
  );
}

/** What happened to a deployment: what, who, when. Read when it is opened. */
export function DeploymentHistory({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="mt-4">
      <Button aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide history" : "History"}
      </Button>
      {open && <History id={id} />}
    </div>
  );
}

function History({ id }: { id: string }) {
  const detail = useQuery({
    queryKey: ["deployment", id],
    queryFn: () => unwrap(api.GET("/api/v1/deployments/{deployment_id}", { params: { path: { deployment_id: id } } })),
  });
  if (detail.error) return <Failure error={detail.error} />;
  if (detail.data === undefined) return <Loading what="Loading the history" />;
  return (
    <ol aria-label="History" className="mt-3 space-y-2 border-l border-line pl-4 text-sm">
      {detail.data.timeline?.map((step, i) => {
        const { what, how } = stepWords(step);
        return (
          <li key={i}>
            <span className="font-medium">{what}</span>
            {how.length > 0 && ` · ${how.join(" · ")}`}
            <span className="block text-xs text-soft">
              {asMoment(step.at)} · {actorWords(step)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
