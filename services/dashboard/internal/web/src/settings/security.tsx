import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Schemas } from "../api";
import { asDay, asMoment } from "../format";
import { Dialog } from "../parts/dialog";
import { Button, Card, Chip, Failure, Loading } from "../parts/ui";

type WebSession = Schemas["WebSession"];

export function SecurityView() {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const sessions = useInfiniteQuery({
    queryKey: ["sessions"],
    queryFn: ({ pageParam }) => unwrap(api.GET("/api/v1/account/sessions", { params: { query: pageParam === "" ? {} : { cursor: pageParam } } })),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
  });
  const refresh = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const end = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/v1/account/sessions/{session_id}", { params: { path: { session_id: id } } })),
    onSuccess: refresh,
  });
  const endOthers = useMutation({ mutationFn: () => unwrap(api.DELETE("/api/v1/account/sessions")), onSuccess: refresh });
  const endAll = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/auth/logout", { params: { query: { everywhere: true } } })),
    onSuccess: () => {
      queries.clear();
      window.location.assign("/");
    },
  });
  const all = sessions.data?.pages.flatMap((page) => page.items) ?? [];
  const failure = sessions.error ?? end.error ?? endOthers.error ?? endAll.error;
  return (
    <Card label="Where you are signed in">
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <h2 className="font-semibold">Where you are signed in</h2>
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => endOthers.mutate()} disabled={endOthers.isPending || all.length < 2}>
            Sign out all others
          </Button>
          <Button onClick={() => setAsking(true)}>Sign out everywhere</Button>
        </div>
      </div>
      {sessions.isPending && <Loading what="Loading sessions" />}
      {failure && <Failure error={failure} />}
      <ul className="divide-y divide-line">
        {all.map((session) => (
          <Row key={session.id} session={session} onEnd={() => end.mutate(session.id)} />
        ))}
      </ul>
      {sessions.hasNextPage && (
        <Button className="mt-3" onClick={() => void sessions.fetchNextPage()}>
          Show more
        </Button>
      )}
      {asking && (
        <Dialog title="Sign out everywhere?" onClose={() => setAsking(false)}>
          <p className="mb-4">You are signed out of every browser, this one too. Access tokens and ingest keys go on working.</p>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setAsking(false)}>Stay signed in</Button>
            <Button look="primary" disabled={endAll.isPending} onClick={() => endAll.mutate()}>
              Sign out everywhere
            </Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

function Row({ session, onEnd }: { session: WebSession; onEnd: () => void }) {
  return (
    <li className="flex flex-wrap items-center justify-between gap-2 py-3 text-sm">
      <span>
        <span className="font-medium">{session.device}</span> {session.current && <Chip tone="good">this browser</Chip>}
        <span className="block text-soft">
          last seen {asMoment(session.last_seen_at)} · signed in {asDay(session.created_at)}
        </span>
      </span>
      {!session.current && (
        <Button aria-label={`Sign out ${session.device}, last seen ${asMoment(session.last_seen_at)}`} onClick={onEnd}>
          Sign out
        </Button>
      )}
    </li>
  );
}
