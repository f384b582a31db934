import { Component, createContext, createElement, useCallback, useContext, useState, type ReactElement, type ReactNode } from "react";
import { init, type Options, type Payload, type Specter, type TrackOptions } from "./index.js";

const Context = createContext<Specter | undefined>(undefined);

export type SpecterProviderProps = {
  children?: ReactNode;
} & (
  | { /** A client made elsewhere with init. */ client: Specter; options?: undefined }
  | { /** Read once, when the provider is first rendered. */ options: Options; client?: undefined }
);

/** Gives the tree below one client. It lives as long as the page, as its page views do. */
export function SpecterProvider({ children, client, options }: SpecterProviderProps): ReactElement {
  const [specter] = useState(() => client || init(options));
  return createElement(Context.Provider, { value: client || specter }, children);
}

/** The client of the nearest SpecterProvider. Throws when there is none: that is a mistake in the program. */
export function useSpecter(): Specter {
  const specter = useContext(Context);
  if (!specter) throw new Error("useSpecter needs a <SpecterProvider> above it");
  return specter;
}

/** track, as one function that stays the same between renders. */
export function useTrack(): (type: string, payload?: Payload, options?: TrackOptions) => void {
  const specter = useSpecter();
  return useCallback((type, payload, options) => specter.track(type, payload, options), [specter]);
}

export interface SpecterErrorBoundaryProps {
  children?: ReactNode;
  /** What is shown instead of what failed. */
  fallback?: ReactNode | ((error: unknown, retry: () => void) => ReactNode);
  /** Added to the payload of the js_error. */
  payload?: Payload;
}

/** Sends what its children throw while rendering as js_error, and shows fallback in their place. */
export class SpecterErrorBoundary extends Component<SpecterErrorBoundaryProps, { failed: boolean; error: unknown }> {
  static override contextType = Context;
  declare context: Specter | undefined;
  override state = { failed: false, error: undefined as unknown };

  static getDerivedStateFromError(error: unknown): { failed: boolean; error: unknown } {
    return { failed: true, error };
  }

  override componentDidCatch(error: unknown): void {
    this.context?.captureError(error, this.props.payload);
  }

  override render(): ReactNode {
    const { children, fallback = null } = this.props;
    if (!this.state.failed) return children;
    return typeof fallback == "function" ? fallback(this.state.error, () => this.setState({ failed: false, error: undefined })) : fallback;
  }
}
