package specter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/services/specter/infra"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// authPath is where the local auth server is mounted, as at Supabase.
const authPath = "/auth/v1"

// confirmPath is the web app's page that links in mails lead to.
const confirmPath = "/auth/confirm"

// privatePostgres adds the database that this process runs itself.
func (h *host) privatePostgres(own Config, dir *datadir.Dir) error {
	server, err := infra.NewPostgres(infra.PostgresOptions{Dir: dir.Path("postgres"), BinDir: own.PostgresBin, Log: h.log})
	if err != nil {
		return err
	}
	h.add(unitPostgres, announced(server, dir.Path(databaseFile), func() string {
		h.databaseURL = server.URL()
		return h.databaseURL
	}))
	return nil
}

// announced is a server that is ready once its URL is in a file, where the operator's commands look
// for it beside this process. Without that file they would fail when they are needed, so it stops.
func announced(server lifecycle.Service, file string, url func() string) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var failed error
		err := server.Run(ctx, func() {
			if failed = datadir.WriteFile(file, []byte(url()+"\n")); failed != nil {
				failed = fmt.Errorf("writing down where to find it: %w", failed)
				stop()
				return
			}
			ready()
		})
		return errors.Join(err, failed)
	})
}

// embeddedNATS adds the broker that lives in this process. For the tools of whoever may
// read the data directory it listens on loopback, too, and asks for a token made anew at
// every start.
func (h *host) embeddedNATS(dir *datadir.Dir) error {
	token := rand.Text()
	broker, err := infra.NewNATS(infra.NATSOptions{StoreDir: dir.Path("nats"), Listen: "127.0.0.1:0", Token: token, Log: h.log})
	if err != nil {
		return err
	}
	h.inProcess = broker
	h.platform.NATSURL = "nats://" + token + "@127.0.0.1" // only the token matters
	told := announced(broker, dir.Path(brokerFile), broker.URL)
	h.add(unitNATS, lifecycle.Func(func(ctx context.Context, ready func()) error {
		err := told.Run(ctx, ready)
		if removeErr := os.Remove(dir.Path(brokerFile)); !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return err
	}))
	return nil
}

// brokerFile holds the URL of the broker that lives in the process which has the data
// directory, for as long as it runs.
const brokerFile = "broker.url"

// BrokerURL finds the broker: SPECTER_NATS_URL, else that of the running `specter up`. It
// returns fs.ErrNotExist when there is neither.
func BrokerURL(src config.Source) (string, error) {
	own, err := config.Load[Config](src)
	if err != nil {
		return "", err
	}
	if url := src["SPECTER_NATS_URL"]; url != "" {
		return url, nil
	}
	text, err := os.ReadFile(filepath.Join(own.DataDir, brokerFile))
	if err != nil {
		return "", fmt.Errorf("looking for a running broker: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// localAuth adds the local auth server. Its clients reach it through this process's own
// HTTP server, as they would reach Supabase's.
func (h *host) localAuth(own Config) error {
	mails, err := config.Load[mail.Settings](h.src)
	if err != nil {
		return err
	}
	sender, err := mail.Open(mails, h.log)
	if err != nil {
		return err
	}
	url, site := first(own.AuthURL, loopbackURL(h.addr)+authPath), publicURL(own, h.addr)
	server, err := infra.NewAuth(infra.AuthOptions{
		DatabaseURL: func() string { return h.databaseURL },
		Secret:      []byte(h.src["SPECTER_SUPABASE_JWT_SECRET"]),
		URL:         url, SiteURL: site, ConfirmURL: site + confirmPath, Mail: sender, KeepsMail: !mails.Sends(), Log: h.log,
		DisableSignup: own.DisableSignup, Autoconfirm: own.autoconfirm(),
	})
	if err != nil {
		return err
	}
	serviceKey, err := server.ServiceKey()
	if err != nil {
		return fmt.Errorf("making the auth server's service key: %w", err)
	}
	h.src = with(h.src, "SPECTER_SUPABASE_AUTH_URL", url)
	h.src = with(h.src, "SPECTER_SUPABASE_JWT_ISSUER", url) // named in all its tokens, so one without it is forged
	h.src = with(h.src, "SPECTER_SUPABASE_SERVICE_KEY", serviceKey)
	h.register = server.AddUser
	h.router.mount(unitAuth, http.StripPrefix(authPath, server))
	h.add(unitAuth, server, unitSchema)
	return nil
}
