import { createApp, h } from "vue";
import { createSpecter, useTrack } from "@draftlabs/specter/vue";

const Shop = {
  setup() {
    const track = useTrack();
    const fail = () => {
      throw new Error("the cart is broken");
    };
    return () => [
      h("button", { id: "buy", onClick: () => track("cta_click", { plan: "pro" }) }, "Buy"),
      h("button", { id: "break", onClick: fail }, "Break"),
    ];
  },
};

createApp(Shop)
  .use(createSpecter({ apiKey: "spk_your_key", host: "https://specter.example.com" }))
  .mount("#app");
