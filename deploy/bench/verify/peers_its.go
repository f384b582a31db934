package verify

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/draftlabs/specter/pkg/pcf"
)

// segmented is the design of an interrupted time series: level, trend, weekdays, and a step at the deployment, which is
// the last column.
func segmented(c trial) (x *mat.Dense, y []float64) {
	const columns = 9
	var cells []float64
	for i, d := range append(append([]pcf.Day(nil), c.history...), c.window...) {
		value, ok := scaled(c.metric, d)
		if !ok {
			continue
		}
		row := make([]float64, columns)
		row[0], row[1] = 1, float64(i)/float64(len(c.history))
		if weekday := (int(c.first) + i) % 7; weekday > 0 {
			row[1+weekday] = 1
		}
		if i >= len(c.history) {
			row[columns-1] = 1
		}
		cells = append(cells, row...)
		y = append(y, value)
	}
	return mat.NewDense(len(y), columns, cells), y
}

// leastSquares gives the coefficients, (X'X)⁻¹ and the residuals; ok is false where X has no full rank.
func leastSquares(x *mat.Dense, y []float64) (beta *mat.VecDense, inverse *mat.Dense, residuals []float64, ok bool) {
	n, k := x.Dims()
	inverse, beta = mat.NewDense(k, k, nil), mat.NewVecDense(k, nil)
	var xx mat.Dense
	xx.Mul(x.T(), x)
	if n <= k || inverse.Inverse(&xx) != nil {
		return nil, nil, nil, false
	}
	var xy, fitted mat.VecDense
	xy.MulVec(x.T(), mat.NewVecDense(n, y))
	beta.MulVec(inverse, &xy)
	fitted.MulVec(x, beta)
	residuals = make([]float64, n)
	for i := range residuals {
		residuals[i] = y[i] - fitted.AtVec(i)
	}
	return beta, inverse, residuals, true
}

// itsNeweyWest is the step's z with standard errors robust to autocorrelation (Newey & West 1987).
func itsNeweyWest(c trial) outcome {
	x, y := segmented(c)
	beta, inverse, e, ok := leastSquares(x, y)
	if !ok {
		return outcome{p: 1}
	}
	n, k := x.Dims()
	lags := int(4 * math.Pow(float64(n)/100, 2./9))
	middle := mat.NewDense(k, k, nil)
	for lag := 0; lag <= lags; lag++ {
		weight := 1 - float64(lag)/float64(lags+1)
		for t := lag; t < n; t++ {
			for i := range k {
				for j := range k {
					value := weight * e[t] * e[t-lag] * x.At(t, i) * x.At(t-lag, j)
					middle.Set(i, j, middle.At(i, j)+value)
					if lag > 0 {
						middle.Set(j, i, middle.At(j, i)+value)
					}
				}
			}
		}
	}
	var half, cov mat.Dense
	half.Mul(inverse, middle)
	cov.Mul(&half, inverse)
	step := beta.AtVec(k - 1)
	return outcome{p: twoSided(step / math.Sqrt(cov.At(k-1, k-1)*float64(n)/float64(n-k))), effect: step}
}

// rounds of estimating the autoregression and the coefficients in turn; the former settles after a few.
const rounds = 5

// itsAR1 fits the same with errors of first-order autoregression (Prais & Winsten 1954).
func itsAR1(c trial) outcome {
	x, y := segmented(c)
	_, _, residuals, ok := leastSquares(x, y)
	var last outcome
	for range rounds {
		if !ok {
			return outcome{p: 1}
		}
		tx, ty := prais(x, y, autoregression(residuals))
		var beta *mat.VecDense
		var inverse *mat.Dense
		var innovations []float64
		if beta, inverse, innovations, ok = leastSquares(tx, ty); !ok {
			return outcome{p: 1}
		}
		n, k := x.Dims()
		var fitted mat.VecDense
		fitted.MulVec(x, beta)
		squares := 0.0
		for t := range n {
			residuals[t] = y[t] - fitted.AtVec(t)
			squares += innovations[t] * innovations[t]
		}
		df, step := float64(n-k), beta.AtVec(k-1)
		t := step / math.Sqrt(squares/df*inverse.At(k-1, k-1))
		last = outcome{p: 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(math.Abs(t)), effect: step}
	}
	return last
}

func autoregression(e []float64) float64 {
	var top, bottom float64
	for t := 1; t < len(e); t++ {
		top += e[t] * e[t-1]
		bottom += e[t-1] * e[t-1]
	}
	return math.Max(-.99, math.Min(.99, top/bottom))
}

// prais takes the autoregression out of a regression; the first row keeps its share.
func prais(x *mat.Dense, y []float64, phi float64) (*mat.Dense, []float64) {
	n, k := x.Dims()
	tx, ty, first := mat.NewDense(n, k, nil), make([]float64, n), math.Sqrt(1-phi*phi)
	for j := range k {
		tx.Set(0, j, first*x.At(0, j))
	}
	ty[0] = first * y[0]
	for t := 1; t < n; t++ {
		for j := range k {
			tx.Set(t, j, x.At(t, j)-phi*x.At(t-1, j))
		}
		ty[t] = y[t] - phi*y[t-1]
	}
	return tx, ty
}
