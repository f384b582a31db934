import { useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { Proposal } from "../api";
import { useShortcuts, type Shortcuts } from "../keys";
import { isOpen, matching } from "../lifecycle";
import { useAnnounce } from "../parts/announce";
import { CopyByHand } from "../parts/copy-by-hand";
import { Button, Empty, Failure, inputClass, Kbd, Loading } from "../parts/ui";
import { Answers, Rewrite, useCopy, type Asking } from "./actions";
import { useDecisions, type Decision } from "./decisions";
import { Detail, detailId } from "./detail";
import { DuplicateDialog, RejectDialog, SnoozeDialog } from "./dialogs";
import { EditDialog } from "./edit-dialog";
import { EmptyInbox } from "./empty";
import { KeysDialog } from "./keys-dialog";
import { useApproved, useLinked, useProposals, type View } from "./lists";
import { Row, rowId } from "./row";
import { UndoToast } from "./undo-toast";

const isWide = () => window.matchMedia("(min-width: 64rem)").matches;

/** The list on the left, and what is open on the right; narrow screens show one at a time. */
export function Panes({ product, view }: { product: string; view: View }) {
  const [search, setSearch] = useSearchParams();
  const id = search.get("id") ?? undefined;
  const words = search.get("q") ?? "";
  const list = useProposals(product, view);
  const approved = useApproved(product);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState<Asking | "edit" | "keys">();
  const [asked, setAsked] = useState<Proposal[]>([]);
  const field = useRef<HTMLInputElement>(null);
  const announce = useAnnounce();
  const { copy, copied, byHand, done, giveUp } = useCopy();

  const shown = matching(list.items, words);
  const listed = id === undefined ? shown[0] : list.items.find((p) => p.id === id);
  const linked = useLinked(id !== undefined && listed === undefined && !list.pending ? id : undefined);
  const current = listed ?? linked.data;
  const selected = shown.filter((p) => chosen.has(p.id) && isOpen(p));
  const now = Date.now();

  const change = (name: "id" | "q", value: string | undefined, replace = true) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === undefined || value === "") next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace },
    );
  const hrefOf = (to: string, here = false) => {
    const params = new URLSearchParams(here ? search : {});
    params.set("id", to);
    return `/p/${product}/proposals?${params.toString()}`;
  };
  const focusNext = useRef<string>(undefined);
  const open = (to: Proposal | undefined) => {
    change("id", to?.id);
    focusNext.current = to === undefined ? "proposals" : isWide() ? rowId(to) : detailId;
  };
  const move = (by: 1 | -1) => {
    const at = shown.findIndex((p) => p.id === current?.id);
    const to = shown[at === -1 ? 0 : at + by];
    if (to !== undefined) open(to);
  };

  const leave = (decided: Proposal[]) => {
    setChosen(new Set());
    const gone = new Set(decided.map((p) => p.id));
    if (current === undefined || !gone.has(current.id)) return;
    const at = shown.findIndex((p) => p.id === current.id);
    const left = (p: Proposal) => !gone.has(p.id) && p.status === "pending";
    const next = shown.slice(at + 1).find(left) ?? shown.slice(0, Math.max(0, at)).findLast(left);
    open(isWide() ? next : undefined);
  };
  const decisions = useDecisions(product, leave, ([first]) => {
    if (view === "inbox") open(first);
  });
  const decide = (what: Decision, proposals: Proposal[]) => {
    setAsking(undefined);
    decisions.decide(proposals, what);
  };
  const ask = (what: Asking | "edit", proposals: Proposal[]) => {
    decisions.dismiss();
    setAsked(proposals);
    setAsking(what);
  };
  const toggle = (proposal: Proposal) => {
    const next = new Set(chosen);
    if (!next.delete(proposal.id)) next.add(proposal.id);
    setChosen(next);
    announce(`${next.size} selected.`);
  };

  const targets = selected.length > 0 ? selected : current !== undefined && isOpen(current) ? [current] : [];
  const free = targets.length > 0 && !decisions.busy;
  const answer = (run: () => void): (() => void) => (free ? run : () => undefined);
  const approve = answer(() => decide({ decision: "approved" }, targets));
  const reject = answer(() => ask("reject", targets));
  const { undoable } = decisions;
  const shortcuts: Shortcuts = {
    j: () => move(1),
    k: () => move(-1),
    a: approve,
    "1": approve,
    "2": answer(() => ask("duplicate", targets)),
    r: reject,
    "3": reject,
    h: answer(() => ask("snooze", targets)),
    e: () => current !== undefined && isOpen(current) && ask("edit", [current]),
    c: () => current !== undefined && copy(current),
    x: () => current !== undefined && isOpen(current) && toggle(current),
    u: () => undoable !== undefined && decisions.undo(undoable),
    "/": () => {
      if (!isWide()) change("id", undefined);
      field.current?.focus();
    },
    "?": () => setAsking("keys"),
    ...(chosen.size > 0 ? { escape: () => setChosen(new Set()) } : {}),
  };
  useShortcuts(shortcuts);
  useEffect(() => {
    // What is to have the focus may come with this rendering, or with the list's next answer.
    const element = focusNext.current === undefined ? null : document.getElementById(focusNext.current);
    if (element === null || element.offsetParent === null) return;
    focusNext.current = undefined;
    element.focus();
    element.scrollIntoView({ block: "nearest" });
  });
  useEffect(() => {
    // On a narrow screen the list with the focused row gives way to what was opened.
    if (id !== undefined && !isWide() && document.activeElement === document.body) document.getElementById(detailId)?.focus();
  }, [id, current?.id]);

  if (list.pending) return <Loading what="Loading proposals" />;
  if (list.error) return <Failure error={list.error} />;
  const others = [...list.items, ...approved.filter((p) => list.items.every((known) => known.id !== p.id))];
  const nothing = list.items.length === 0 && id === undefined;

  return (
    <>
      {decisions.error && (
        <div className="mb-4">
          <Failure error={decisions.error} />
        </div>
      )}
      {nothing ? (
        view === "inbox" ? (
          <EmptyInbox product={product} />
        ) : (
          <Empty>Nothing was decided yet.</Empty>
        )
      ) : (
        <div className="lg:grid lg:grid-cols-[22rem_minmax(0,1fr)] lg:items-start lg:gap-5">
          <section
            id="proposals"
            tabIndex={-1}
            aria-label={view === "inbox" ? "Proposals to decide" : "Decided proposals"}
            className={`overflow-hidden rounded-xl border border-line bg-card focus:outline-none lg:sticky lg:top-4 lg:flex lg:max-h-[calc(100dvh-2rem)] lg:flex-col ${id === undefined ? "" : "hidden"}`}
          >
            <div className="flex items-center gap-2 border-b border-line p-2">
              <input
                ref={field}
                type="search"
                aria-label="Search proposals"
                placeholder="Search"
                value={words}
                onChange={(event) => change("q", event.target.value)}
                onKeyDown={(event) => {
                  if (event.key !== "Enter" && event.key !== "Escape") return;
                  if (event.key === "Escape") change("q", undefined);
                  event.preventDefault();
                  open(event.key === "Enter" ? (shown[0] ?? current) : current);
                }}
                className={`${inputClass} py-1.5 text-sm`}
              />
              <Button aria-label="List of keys" onClick={() => setAsking("keys")}>
                ?
              </Button>
            </div>
            {selected.length > 0 && (
              <div role="group" aria-label="Do with all selected" className="flex flex-wrap items-center gap-1.5 border-b border-line bg-accent/8 p-2">
                <p className="grow basis-full px-1 text-sm font-medium">{selected.length} selected</p>
                <Answers busy={decisions.busy} onApprove={approve} onAsk={(what) => ask(what, selected)} />
                <Button onClick={() => setChosen(new Set())}>Clear</Button>
              </div>
            )}
            <List
              shown={shown}
              current={current}
              implied={id === undefined}
              chosen={view === "inbox" ? chosen : undefined}
              hrefOf={(to) => hrefOf(to, true)}
              onToggle={toggle}
              now={now}
            />
            {shown.length === 0 && <p className="p-6 text-center text-sm text-soft">{words === "" ? "Nothing is left to decide." : `Nothing matches “${words}”.`}</p>}
            {list.hasMore && (
              <div className="border-t border-line p-2 text-center">
                <Button onClick={list.loadMore}>Show more</Button>
              </div>
            )}
          </section>
          <div className={id === undefined ? "hidden lg:block" : ""}>
            {id !== undefined && (
              <Link href={`/p/${product}/proposals${view === "inbox" ? "" : `?view=${view}`}`} className="mb-3 inline-block text-sm text-accent lg:hidden">
                ← All proposals
              </Link>
            )}
            {id !== undefined && current === undefined && (linked.error ? <Failure error={linked.error} /> : <Loading what="Opening the proposal" />)}
            {current && (
              <Detail
                key={current.id}
                proposal={current}
                product={product}
                others={others}
                hrefOf={hrefOf}
                now={now}
                actions={
                  <div className="flex flex-wrap items-center gap-2">
                    {isOpen(current) && (
                      <>
                        <Answers busy={decisions.busy} onApprove={() => decide({ decision: "approved" }, [current])} onAsk={(what) => ask(what, [current])} />
                        <Button onClick={() => ask("edit", [current])}>
                          Edit <Kbd>E</Kbd>
                        </Button>
                      </>
                    )}
                    <Button className="sm:ml-auto" title="Copy as Markdown, for an issue or a coding agent" onClick={() => copy(current)}>
                      {copied === current.id ? "Copied" : "Copy"} <Kbd>C</Kbd>
                    </Button>
                  </div>
                }
                textActions={isOpen(current) && <Rewrite proposal={current} product={product} />}
              />
            )}
          </div>
        </div>
      )}
      {undoable && <UndoToast undoable={undoable} onUndo={() => decisions.undo(undoable)} onOver={decisions.forget} />}
      {asking === "reject" && <RejectDialog proposals={asked} onDecide={(what) => decide(what, asked)} onClose={() => setAsking(undefined)} />}
      {asking === "snooze" && <SnoozeDialog proposals={asked} onDecide={(what) => decide(what, asked)} onClose={() => setAsking(undefined)} />}
      {asking === "duplicate" && <DuplicateDialog proposals={asked} others={others} onDecide={(what) => decide(what, asked)} onClose={() => setAsking(undefined)} />}
      {asking === "edit" && asked[0] && <EditDialog proposal={asked[0]} product={product} onClose={() => setAsking(undefined)} />}
      {byHand && <CopyByHand text={byHand.text} onCopied={() => done(byHand.id)} onClose={giveUp} />}
      {asking === "keys" && <KeysDialog onClose={() => setAsking(undefined)} />}
    </>
  );
}

interface ListProps {
  shown: Proposal[];
  current: Proposal | undefined;
  implied: boolean;
  /** Undefined where nothing is to be selected. */
  chosen: ReadonlySet<string> | undefined;
  hrefOf: (id: string) => string;
  onToggle: (proposal: Proposal) => void;
  now: number;
}

function List({ shown, current, implied, chosen, hrefOf, onToggle, now }: ListProps) {
  const rows = (proposals: Proposal[]) =>
    proposals.map((proposal) => (
      <Row
        key={proposal.id}
        proposal={proposal}
        href={hrefOf(proposal.id)}
        open={proposal.id === current?.id}
        implied={implied}
        selected={chosen?.has(proposal.id)}
        onSelect={() => onToggle(proposal)}
        now={now}
      />
    ));
  const snoozed = shown.filter((p) => p.status === "snoozed");
  return (
    <div className="lg:overflow-y-auto">
      <ul className="divide-y divide-line">{rows(shown.filter((p) => p.status !== "snoozed"))}</ul>
      {snoozed.length > 0 && (
        <>
          <h2 className="border-y border-line bg-ground px-3 py-1.5 text-xs font-medium text-soft">◷ Snoozed</h2>
          <ul className="divide-y divide-line">{rows(snoozed)}</ul>
        </>
      )}
    </div>
  );
}
