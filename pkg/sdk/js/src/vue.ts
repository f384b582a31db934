import { inject, type App, type InjectionKey, type Plugin } from "vue";
import { init, type Options, type Payload, type Specter, type TrackOptions } from "./index.js";

const key: InjectionKey<Specter> = Symbol("specter");

/**
 * The plugin: app.use(createSpecter({ apiKey })). Errors that Vue catches are sent as js_error and then
 * handled as they were before.
 */
export function createSpecter(options: Options | { client: Specter }): Plugin {
  return {
    install(app: App) {
      const specter = "client" in options ? options.client : init(options);
      app.provide(key, specter);
      const before = app.config.errorHandler;
      app.config.errorHandler = (error, instance, info) => {
        specter.captureError(error, { info });
        if (before) before(error, instance, info);
        else console.error(error);
      };
    },
  };
}

/** The client of the app, inside setup(). Throws without the plugin: that is a mistake in the program. */
export function useSpecter(): Specter {
  const specter = inject(key);
  if (!specter) throw new Error("useSpecter needs app.use(createSpecter(…))");
  return specter;
}

/** track as a function of its own. */
export function useTrack(): (type: string, payload?: Payload, options?: TrackOptions) => void {
  return useSpecter().track;
}
