import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, unwrap } from "../api";
import { Dialog } from "../parts/dialog";
import { Button, Chip, Failure } from "../parts/ui";
import { history, lastUse, statusLooks, works, type Grace, type Token } from "./credentials";
import { NewToken } from "./new-token";
import { Buttons, Copyable, Credentials, Leaked, RollForm } from "./parts";

const queryKey = ["tokens"];

/** A token that was just made, and its text. */
interface Made {
  id: string;
  name: string;
  token: string;
}

/** Settings → Access tokens: what acts in a person's name. */
export function TokensView() {
  const queries = useQueryClient();
  const here = useRef<HTMLDivElement>(null);
  const [fresh, setFresh] = useState<Made>();
  const tokens = useQuery({
    queryKey,
    queryFn: () => unwrap(api.GET("/api/v1/tokens", { params: { query: { limit: 100 } } })),
  });
  const show = (made: Made) => {
    setFresh(made);
    void queries.invalidateQueries({ queryKey });
  };
  // One that was revoked or rolled meanwhile is not worth copying any more.
  const listed = tokens.data?.items.find(({ id }) => id === fresh?.id);
  const current = listed === undefined || listed.status === "active";
  const done = () => {
    setFresh(undefined);
    here.current?.focus({ preventScroll: true }); // the button that had it is gone
  };
  return (
    <div ref={here} tabIndex={-1} className="space-y-6 outline-none">
      {fresh && current && <Fresh key={fresh.id} name={fresh.name} token={fresh.token} onDone={done} />}
      <Credentials
        title="Access tokens"
        lead="They do what their scopes say, in your name: for the command line, pipelines and agents. Treat them as passwords."
        items={tokens.data?.items}
        error={tokens.error}
        none="No token works. Make one below."
        row={(token) => <TokenRow key={token.id} item={token} onRolled={show} />}
      />
      <NewToken onMade={show} />
      <Leaked>
        <li>Roll it, and let the old one end at once: whoever has it can do what its scopes say. Revoke it when nothing of yours needs it.</li>
        <li>Put the new one where the old one was: the pipeline&apos;s secrets, your shell&apos;s SPECTER_TOKEN.</li>
        <li>See in the audit log what was done with it: every change names the token that made it.</li>
        <li>Take it out of where it leaked, a repository&apos;s history included.</li>
      </Leaked>
    </div>
  );
}

/** The only time a token can be copied: what was pressed for it may be far below, so it comes into view and has the keyboard. */
function Fresh({ name, token, onDone }: { name: string; token: string; onDone: () => void }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    panel.current?.focus({ preventScroll: true });
    panel.current?.scrollIntoView({ block: "center" });
  }, []);
  return (
    <div ref={panel} tabIndex={-1} role="status" className="space-y-2 rounded-xl border border-good/50 bg-card p-4 text-sm sm:p-5">
      <p className="font-medium">{name}: copy it now. It is shown once and kept nowhere.</p>
      <Copyable label={`the token ${name}`} text={token} />
      <Button onClick={onDone}>I have it</Button>
    </div>
  );
}

interface RowProps {
  item: Token;
  onRolled: (made: Made) => void;
}

function TokenRow({ item, onRolled }: RowProps) {
  const [act, setAct] = useState<"roll" | "revoke">();
  const [tone, word] = statusLooks[item.status];
  const close = () => setAct(undefined);
  return (
    <li className="space-y-2 py-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0 font-medium break-words">
          {item.name} <Chip tone={tone}>{word}</Chip> <code className="text-xs text-soft">{item.hint}…</code>
        </p>
        {works(item.status) && (
          <span className="flex flex-wrap gap-2">
            {item.status === "active" && (
              <Button aria-label={`Roll ${item.name}`} onClick={() => setAct("roll")}>
                Roll
              </Button>
            )}
            <Button aria-label={`Revoke ${item.name}`} onClick={() => setAct("revoke")}>
              Revoke
            </Button>
          </span>
        )}
      </div>
      <p className="flex flex-wrap gap-1">
        {item.scopes.map((scope) => (
          <Chip key={scope}>{scope}</Chip>
        ))}
      </p>
      <p className="text-xs text-soft">{history(item, Date.now())}</p>
      {act === "roll" && <RollDialog item={item} onRolled={onRolled} onClose={close} />}
      {act === "revoke" && <RevokeDialog item={item} onClose={close} />}
    </li>
  );
}

function RollDialog({ item, onRolled, onClose }: RowProps & { onClose: () => void }) {
  const roll = useMutation({
    mutationFn: (grace: Grace) => unwrap(api.POST("/api/v1/tokens/{token_id}/roll", { params: { path: { token_id: item.id } }, body: { grace } })),
    onSuccess: (rolled) => {
      onClose();
      onRolled({ id: rolled.access_token.id, name: rolled.access_token.name, token: rolled.token });
    },
  });
  return (
    <Dialog title={`Roll ${item.name}`} onClose={onClose}>
      {roll.error && <Failure error={roll.error} />}
      <RollForm busy={roll.isPending} onClose={onClose} onRoll={roll.mutate}>
        <p>A new token with the same name and scopes takes its place. It is shown once.</p>
        <p className="text-soft">{lastUse(item, Date.now())}</p>
      </RollForm>
    </Dialog>
  );
}

function RevokeDialog({ item, onClose }: { item: Token; onClose: () => void }) {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: item.id } } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey });
      onClose();
    },
  });
  return (
    <Dialog title={`Revoke ${item.name}?`} onClose={onClose}>
      <form
        className="space-y-3 text-sm"
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate();
        }}
      >
        {revoke.error && <Failure error={revoke.error} />}
        <p>
          Every command, pipeline and agent that has <code>{item.hint}…</code> is refused at once, and this cannot be undone.
        </p>
        <p className="font-medium">{lastUse(item, Date.now())}</p>
        <Buttons words="Revoke the token" busy={revoke.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}
