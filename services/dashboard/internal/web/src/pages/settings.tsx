import { lazy, Suspense, type ReactNode } from "react";
import { useSearchParams } from "wouter";
import { KeysView } from "../settings/keys";
import { Loading, Tabs, Title } from "../parts/ui";

interface View {
  name: string;
  title: string;
  Content: (props: { product: string }) => ReactNode;
}

type AccountView = Omit<View, "Content"> & { Content: (props: { product?: string }) => ReactNode };

// The account's views have an address without a product too, for mails, and for whoever has no product yet.
const ofAccount: readonly [AccountView, ...AccountView[]] = [
  { name: "profile", title: "Profile", Content: lazy(() => import("../settings/profile").then((view) => ({ default: view.ProfileView }))) },
  { name: "security", title: "Security", Content: lazy(() => import("../settings/security").then((view) => ({ default: view.SecurityView }))) },
  { name: "tokens", title: "Access tokens", Content: lazy(() => import("../settings/tokens").then((page) => ({ default: page.TokensView }))) },
  { name: "usage", title: "Usage", Content: lazy(() => import("../settings/usage").then((page) => ({ default: page.UsageView }))) },
  { name: "billing", title: "Billing", Content: lazy(() => import("../settings/billing").then((page) => ({ default: page.BillingView }))) },
  { name: "data", title: "Data", Content: lazy(() => import("../settings/data").then((view) => ({ default: view.DataView }))) },
  { name: "audit", title: "Audit log", Content: lazy(() => import("../settings/audit").then((page) => ({ default: page.AuditView }))) },
];

// The first view opens with the page; the others load when they are opened.
const views: readonly [View, ...View[]] = [
  { name: "keys", title: "Ingest keys", Content: KeysView },
  { name: "webhooks", title: "Webhooks", Content: lazy(() => import("./webhooks").then((page) => ({ default: page.WebhooksView }))) },
  ...ofAccount,
];

/** The settings as a product's page shows them: its own, and the account's. */
export function SettingsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const [first] = views;
  const view = views.find(({ name }) => name === search.get("view")) ?? first;
  return (
    <>
      <Title page={view.title}>Settings</Title>
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

/** The account's settings alone. */
export function AccountSettingsPage({ name }: { name?: string }) {
  const [first] = ofAccount;
  const view = ofAccount.find((view) => view.name === name) ?? first;
  return (
    <>
      <Title page={view.title}>Account settings</Title>
      <Tabs label="Settings" current={view.name} tabs={ofAccount.map(({ name, title }) => [name, title] as const)} href={(name) => `/settings/${name}`} />
      <Suspense fallback={<Loading what={`Opening ${view.title.toLowerCase()}`} />}>
        <view.Content />
      </Suspense>
    </>
  );
}
