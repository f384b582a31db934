import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, unwrap, type Session } from "../api";
import { isOver, pace } from "../closed";
import { Frame } from "../entry/frame";
import { asUtc } from "../format";
import { SignOut } from "../parts/shell";
import { Button, Card, Failure, Title } from "../parts/ui";
import { WhatGoes } from "../settings/deletion";
import { ExportCard } from "../settings/export";

/** All there is to see of an account whose deletion is scheduled: when and what, the way back, and what to take along. */
export function ClosedPage({ session }: { session: Session }) {
  const over = useOver(session);
  return (
    <div className="mx-auto max-w-3xl px-4 pb-16">
      <header className="flex items-center border-b border-line py-3">
        <span className="font-semibold text-accent">Specter</span>
        <SignOut email={session.email} />
      </header>
      <main className="space-y-4 pt-6">
        <Title>This account is closed</Title>
        <Card label="Deletion">
          <div className="space-y-3 text-sm">
            <p role="status">
              {over ? (
                "Everything in it is being deleted. That cannot be taken back any more. This page says when it is done."
              ) : (
                <>
                  Everything in it is deleted from <strong>{asUtc(session.purge_at)}</strong> on. Until then nothing is taken and no key works, but nothing is lost.
                </>
              )}
            </p>
            <h2 className="font-semibold">What goes</h2>
            <WhatGoes />
            <p className="text-soft">A paid subscription ends with its paid period, or with all the rest if that comes first.</p>
            <Certificate session={session} />
            {!over && <WayBack />}
          </div>
        </Card>
        {!over && <ExportCard />}
        <p className="text-center text-xs text-soft">
          <a className="underline" href="/privacy">
            Privacy
          </a>
        </p>
      </main>
    </div>
  );
}

/** Looks at the clock again when there is something to see on it. */
function useOver(session: Session): boolean {
  const [now, setNow] = useState(Date.now);
  const over = isOver(session, now);
  useEffect(() => {
    if (over) return;
    const timer = setTimeout(() => setNow(Date.now()), pace(session, now));
    return () => clearTimeout(timer);
  }, [session, now, over]);
  return over;
}

function WayBack() {
  const queries = useQueryClient();
  // Once it is open again, everything is to be asked for again.
  const cancel = useMutation({ mutationFn: () => unwrap(api.DELETE("/api/v1/account/deletion")), onSuccess: () => queries.invalidateQueries() });
  return (
    <>
      {cancel.error && <Failure error={cancel.error} />}
      <Button look="primary" onClick={() => cancel.mutate()} disabled={cancel.isPending}>
        Cancel the deletion
      </Button>
    </>
  );
}

/** What is left, and where. Without a mail server nothing else tells the address. */
function Certificate({ session }: { session: Session }) {
  const { certificate_id: id, account_id: account } = session;
  if (id === undefined) return <p className="text-soft">Then a signed certificate that names nobody is what is left. Where it will be is shown here in a moment.</p>;
  return (
    <div className="space-y-1">
      <p>Then a signed certificate that names nobody is what is left. Keep its address: once the account is gone nothing else leads there.</p>
      <Address id={id} />
      <p className="text-soft">
        To show that it is about you, keep the account&apos;s id, too: <code className="break-all">{account}</code>
      </p>
    </div>
  );
}

function Address({ id }: { id: string }) {
  const path = `/deletions/${id}`;
  return (
    <p>
      <a className="break-all text-accent underline" href={path} target="_blank" rel="noreferrer">
        {window.location.origin + path}
      </a>
    </p>
  );
}

/** What is said to who had an account until a moment ago. */
export function GonePage({ session }: { session: Session }) {
  return (
    <Frame
      title="Everything is deleted"
      below={
        <p>
          <a className="font-medium text-accent underline" href="/">
            Start again
          </a>
        </p>
      }
    >
      <div className="space-y-3 text-sm">
        <p role="status">The account and all that was in it are gone, and nobody can sign in to it any more.</p>
        {session.certificate_id === undefined ? (
          <p>It was gone before this page had learnt where its certificate is. Whoever runs this instance can find it by the account&apos;s id:</p>
        ) : (
          <>
            <p>A signed certificate proves it, and names nobody. It is at this address once the last trace is gone, mostly within a minute. Keep the address: nothing here leads there any more.</p>
            <Address id={session.certificate_id} />
            <p className="text-soft">To show that it is about you, keep the account&apos;s id, too:</p>
          </>
        )}
        <p>
          <code className="break-all">{session.account_id}</code>
        </p>
      </div>
    </Frame>
  );
}
