import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api";
import { asUtc } from "../format";
import { SignOut } from "../parts/shell";
import { Button, Card, Failure, Title } from "../parts/ui";
import { WhatGoes } from "../settings/deletion";
import { ExportCard } from "../settings/export";

/** All there is to see of an account whose deletion is scheduled: when and what, the way back, and what to take along. */
export function ClosedPage({ email, purgeAt }: { email: string; purgeAt: string }) {
  const queries = useQueryClient();
  // Once it is open again, everything is to be asked for again.
  const cancel = useMutation({ mutationFn: () => unwrap(api.DELETE("/api/v1/account/deletion")), onSuccess: () => queries.invalidateQueries() });
  return (
    <div className="mx-auto max-w-3xl px-4 pb-16">
      <header className="flex items-center border-b border-line py-3">
        <span className="font-semibold text-accent">Specter</span>
        <SignOut email={email} />
      </header>
      <main className="space-y-4 pt-6">
        <Title>This account is closed</Title>
        <Card label="Deletion">
          <div className="space-y-3 text-sm">
            <p role="status">
              Everything in it is deleted from <strong>{asUtc(purgeAt)}</strong> on. Until then nothing is taken and no key works, but nothing is lost.
            </p>
            <h2 className="font-semibold">What goes</h2>
            <WhatGoes />
            <p className="text-soft">Then a signed certificate that names nobody is what is left. The mail about the deletion says where it will be.</p>
            {cancel.error && <Failure error={cancel.error} />}
            <Button look="primary" onClick={() => cancel.mutate()} disabled={cancel.isPending}>
              Cancel the deletion
            </Button>
          </div>
        </Card>
        <ExportCard />
        <p className="text-center text-xs text-soft">
          <a className="underline" href="/privacy">
            Privacy
          </a>
        </p>
      </main>
    </div>
  );
}
