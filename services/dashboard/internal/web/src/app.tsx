import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { api, ApiError, rememberSession, unwrap, type Session } from "./api";
import { isOver, pace } from "./closed";
import { EntryPage } from "./entry/entry";
import { useMeasuring } from "./measure";
import { ProductsPage } from "./pages/products";
import { Announcer } from "./parts/announce";
import { AccountShell, Shell } from "./parts/shell";
import { Failure, Loading } from "./parts/ui";

// Each page is a file of its own, so that opening one does not load them all.
const load = {
  contexts: () => import("./pages/contexts").then((page) => ({ default: page.ContextsPage })),
  signals: () => import("./pages/signals").then((page) => ({ default: page.SignalsPage })),
  proposals: () => import("./pages/proposals").then((page) => ({ default: page.ProposalsPage })),
  deployments: () => import("./pages/deployments").then((page) => ({ default: page.DeploymentsPage })),
  "deploy-hook": () => import("./pages/deploy-hook").then((page) => ({ default: page.DeployHookPage })),
  settings: () => import("./pages/settings").then((page) => ({ default: page.SettingsPage })),
};
const ContextsPage = lazy(load.contexts);
const SignalsPage = lazy(load.signals);
const ProposalsPage = lazy(load.proposals);
const DeploymentsPage = lazy(load.deployments);
const DeployHookPage = lazy(load["deploy-hook"]);
const SettingsPage = lazy(load.settings);
const AccountSettingsPage = lazy(() => import("./pages/settings").then((page) => ({ default: page.AccountSettingsPage })));
const ConfirmPage = lazy(() => import("./entry/confirm").then((page) => ({ default: page.ConfirmPage })));
const ClosedPage = lazy(() => import("./pages/closed").then((page) => ({ default: page.ClosedPage })));
const GonePage = lazy(() => import("./pages/closed").then((page) => ({ default: page.GonePage })));
const NewPasswordPage = lazy(() => import("./entry/new-password").then((page) => ({ default: page.NewPasswordPage })));

// The page of this address comes while the session is asked for.
const opened = window.location.pathname.split("/")[3];
if (opened !== undefined && opened in load) void load[opened as keyof typeof load]();

export function App() {
  const [path] = useLocation();
  // Whoever follows a link from a mail may be nobody yet, or another person than the one who is signed in.
  if (path === "/auth/confirm") {
    return (
      <Suspense fallback={<Loading what="Opening the link" />}>
        <ConfirmPage />
      </Suspense>
    );
  }
  return <SignedIn />;
}

function SignedIn() {
  const session = useQuery({
    queryKey: ["session"],
    queryFn: async () => rememberSession(await unwrap(api.GET("/api/v1/session"))),
    refetchInterval: ({ state }) => (state.error === null ? pace(state.data, Date.now()) : 60_000),
  });

  if (session.isPending) return <Loading what="Signing in" />;
  if (session.error instanceof ApiError && session.error.status === 401) {
    // What was known of the session is kept: whose account was just deleted is told so instead of being asked to sign in.
    if (session.data === undefined || !isOver(session.data, Date.now())) return <EntryPage />;
    return (
      <Suspense fallback={<Loading what="Opening the page" />}>
        <GonePage session={session.data} />
      </Suspense>
    );
  }
  if (session.error) return <Failure error={session.error} />;

  if (session.data.purge_at !== undefined) {
    return (
      <Suspense fallback={<Loading what="Opening the page" />}>
        <ClosedPage session={session.data} />
      </Suspense>
    );
  }
  return <Pages session={session.data} />;
}

function Pages({ session }: { session: Session }) {
  useMeasuring();
  return (
    <Switch>
      <Route path="/">
        <ProductsPage session={session} />
      </Route>
      <Route path="/settings/:view?">
        {({ view }) => (
          <AccountShell session={session}>
            <Suspense fallback={<Loading what="Opening the page" />}>
              <AccountSettingsPage name={view} />
            </Suspense>
          </AccountShell>
        )}
      </Route>
      {session.may_set_password && (
        <Route path="/auth/password">
          <Suspense fallback={<Loading what="Opening the page" />}>
            <NewPasswordPage email={session.email} />
          </Suspense>
        </Route>
      )}
      <Route path="/p/:product/:page">
        {({ product, page }) => (
          <Shell product={product} page={page} session={session}>
            <Announcer>
              <Suspense fallback={<Loading what="Opening the page" />}>
                <Page product={product} page={page} />
              </Suspense>
            </Announcer>
          </Shell>
        )}
      </Route>
      <Route path="/p/:product">{({ product }) => <Redirect to={`/p/${product}/contexts`} replace />}</Route>
      <Route>
        <Redirect to="/" replace />
      </Route>
    </Switch>
  );
}

function Page({ product, page }: { product: string; page: string }) {
  switch (page) {
    case "contexts":
      return <ContextsPage product={product} />;
    case "signals":
      return <SignalsPage product={product} />;
    case "proposals":
      return <ProposalsPage product={product} />;
    case "deployments":
      return <DeploymentsPage product={product} />;
    case "deploy-hook":
      return <DeployHookPage product={product} />;
    case "settings":
      return <SettingsPage product={product} />;
    default:
      return <Redirect to={`/p/${product}/contexts`} replace />;
  }
}
