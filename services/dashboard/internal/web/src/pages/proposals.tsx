import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, unwrap } from "../api";
import { Panes } from "../inbox/panes";
import { Skipped } from "../inbox/skipped";
import { Tabs, Title } from "../parts/ui";

type View = "inbox" | "decided" | "skipped";

// What the browser calls each.
const titles: Record<View, string> = { inbox: "Proposals", decided: "Decided proposals", skipped: "Not proposed" };

const views: readonly (readonly [View, string])[] = [
  ["inbox", "To decide"],
  ["decided", "Decided"],
  ["skipped", "Not proposed"],
];

export function ProposalsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const view = views.find(([name]) => name === search.get("view"))?.[0] ?? "inbox";
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  const waiting = products.data?.items.find((item) => item.id === product)?.open_proposals;
  return (
    <>
      <Title page={titles[view]}>Proposals</Title>
      <Tabs
        label="Proposals"
        current={view}
        tabs={views}
        href={(name) => (name === "inbox" ? `/p/${product}/proposals` : `/p/${product}/proposals?view=${name}`)}
        counts={waiting === undefined || waiting === 0 ? {} : { inbox: waiting }}
      />
      {view === "skipped" ? <Skipped product={product} hrefOf={(id) => `/p/${product}/proposals?id=${id}`} /> : <Panes key={view} product={product} view={view} />}
    </>
  );
}
