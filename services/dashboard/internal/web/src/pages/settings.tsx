import { lazy, Suspense, type ComponentType } from "react";
import { useSearchParams } from "wouter";
import { KeysView } from "../settings/keys";
import { Loading, Tabs, Title } from "../parts/ui";

interface View {
  name: string;
  title: string;
  Content: ComponentType<{ product: string }>;
}

// The first view opens with the page; the others load when they are opened.
const views: readonly [View, ...View[]] = [
  { name: "keys", title: "Ingest keys", Content: KeysView },
  { name: "tokens", title: "Access tokens", Content: lazy(() => import("../settings/tokens").then((page) => ({ default: page.TokensView }))) },
  { name: "webhooks", title: "Webhooks", Content: lazy(() => import("./webhooks").then((page) => ({ default: page.WebhooksView }))) },
  { name: "usage", title: "Usage", Content: lazy(() => import("../settings/usage").then((page) => ({ default: page.UsageView }))) },
  { name: "billing", title: "Billing", Content: lazy(() => import("../settings/billing").then((page) => ({ default: page.BillingView }))) },
  { name: "profile", title: "Profile", Content: lazy(() => import("../settings/profile").then((view) => ({ default: view.ProfileView }))) },
  { name: "security", title: "Security", Content: lazy(() => import("../settings/security").then((view) => ({ default: view.SecurityView }))) },
  { name: "audit", title: "Audit log", Content: lazy(() => import("../settings/audit").then((page) => ({ default: page.AuditView }))) },
  { name: "data", title: "Data", Content: lazy(() => import("../settings/data").then((view) => ({ default: view.DataView }))) },
];

export function SettingsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const [first] = views;
  const view = views.find(({ name }) => name === search.get("view")) ?? first;
  return (
    <>
      <Title>Settings</Title>
      <Tabs
        label="Settings"
        current={view.name}
        tabs={views.map(({ name, title }) => [name, title] as const)}
        href={(name) => `/p/${product}/settings${name === first.name ? "" : `?view=${name}`}`}
      />
      <Suspense fallback={<Loading what={`Opening ${view.title.toLowerCase()}`} />}>
        <view.Content product={product} />
      </Suspense>
    </>
  );
}
