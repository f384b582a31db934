package retention

// Config are retention's own settings.
type Config struct {
	Months int `env:"SPECTER_RETENTION_MONTHS" envDefault:"24" doc:"How many months signals are kept, 1 to 24."`
}
