import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Deployment } from "../api";
import { Button, Failure, Kbd } from "../parts/ui";
import { ReportForm } from "./report-form";
import { emptyForm, formOf, patchOf, reportOf, trailer, type Form } from "./words";

/** Marks a deployment as deployed; the lists of its product follow. */
export function useMarkDeployed(product: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, form }: { id: string; form: Form }) =>
      unwrap(api.POST("/api/v1/deployments/{deployment_id}/report", { params: { path: { deployment_id: id } }, body: reportOf(form) })),
    onSettled: () => queries.invalidateQueries({ queryKey: ["deployments", product] }),
  });
}

type Open = "report" | "edit" | "rollback" | "cancel" | undefined;

interface Props {
  deployment: Deployment;
  product: string;
  onMark: (form: Form) => void;
  marking: boolean;
}

/** What a person can do with a deployment now. */
export function DeploymentActions({ deployment, product, onMark, marking }: Props) {
  const [asked, setOpen] = useState<Open>();
  const planned = deployment.status === "planned";
  // A form whose report has arrived is done.
  const open = planned === (asked === "report" || asked === "cancel") ? asked : undefined;
  const shipped = deployment.deployed_at !== undefined;
  if (!planned && !shipped) return null;
  const close = () => setOpen(undefined);
  return (
    <div className="mt-4">
      {open === undefined && (
        <div className="flex flex-wrap gap-2">
          {planned && (
            <>
              <Button look="primary" disabled={marking} onClick={() => onMark(emptyForm)} aria-keyshortcuts="d">
                Mark deployed <Kbd>D</Kbd>
              </Button>
              <Button onClick={() => setOpen("report")}>… with version and time</Button>
              <Button onClick={() => setOpen("cancel")}>It will not ship</Button>
            </>
          )}
          {shipped && <Button onClick={() => setOpen("edit")}>Correct</Button>}
          {shipped && deployment.status !== "rolled_back" && <Button onClick={() => setOpen("rollback")}>Rolled back</Button>}
        </div>
      )}
      {open === "report" && (
        <ReportForm initial={emptyForm} submit="Mark deployed" busy={marking} error={null} onSubmit={onMark} onCancel={close}>
          <p className="text-sm text-soft sm:col-span-2">
            It is noticed by itself when the pull request or a commit has the line <code className="break-all">{trailer(deployment.proposal_id)}</code>
          </p>
        </ReportForm>
      )}
      {open === "edit" && <Edit deployment={deployment} product={product} onClose={close} />}
      {(open === "rollback" || open === "cancel") && <End deployment={deployment} product={product} how={open} onClose={close} />}
    </div>
  );
}

interface EndProps {
  deployment: Deployment;
  product: string;
  onClose: () => void;
}

function useRefresh(deployment: Deployment, product: string) {
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: ["deployment", deployment.id] });
    return queries.invalidateQueries({ queryKey: ["deployments", product] });
  };
}

function Edit({ deployment, product, onClose }: EndProps) {
  const refresh = useRefresh(deployment, product);
  const edit = useMutation({
    mutationFn: (form: Form) =>
      unwrap(
        api.PATCH("/api/v1/deployments/{deployment_id}", {
          params: { path: { deployment_id: deployment.id }, header: { "If-Match": `"v${deployment.revision ?? 1}"` } },
          body: patchOf(deployment, form),
        }),
      ),
    onSuccess: async () => {
      await refresh();
      onClose();
    },
  });
  const judged = deployment.verification !== undefined && !["collecting", "stopped"].includes(deployment.verification.status);
  const fixed = judged ? "Deployed at (fixed: the test has its verdict)" : deployment.status === "rolled_back" ? "Deployed at (fixed: it was rolled back)" : undefined;
  return <ReportForm initial={formOf(deployment)} submit="Save" busy={edit.isPending} error={edit.error} fixedTime={fixed} onSubmit={(form) => edit.mutate(form)} onCancel={onClose} />;
}

function End({ deployment, product, how, onClose }: EndProps & { how: "rollback" | "cancel" }) {
  const refresh = useRefresh(deployment, product);
  const end = useMutation({
    mutationFn: () => {
      const params = { path: { deployment_id: deployment.id } };
      return how === "cancel"
        ? unwrap(api.POST("/api/v1/deployments/{deployment_id}/cancel", { params }))
        : unwrap(api.POST("/api/v1/deployments/{deployment_id}/rollback", { params, body: {} }));
    },
    onSuccess: async () => {
      await refresh();
      onClose();
    },
  });
  return (
    <div className="space-y-3">
      <p className="text-sm">
        {how === "cancel"
          ? "The change will not ship. Its proposal stays approved, without a deployment."
          : "The change was taken back. Its test stops if it still runs; a verdict that was given stands."}
      </p>
      {end.error && <Failure error={end.error} />}
      <div className="flex gap-2">
        <Button look="primary" disabled={end.isPending} onClick={() => end.mutate()}>
          {how === "cancel" ? "Cancel the deployment" : "It was rolled back"}
        </Button>
        <Button onClick={onClose}>Keep</Button>
      </div>
    </div>
  );
}
