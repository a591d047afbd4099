// Zenke's rule, as evsim.spark has it (after Zenke, Agnes & Gerstner 2015). With x, y and y_slow the traces of input
// and output spikes, which jump by 1 / tau, those of output spikes taken just before the spike, and K >= 0 the size of
// a weight:
//   at t_pre:  K <- K + eta (b y + d),   at t_post: K <- K + eta (a x y_slow + c (K - R) y^3).
// The reference R begins as K and follows it slowly:
//   target_tau R' = K - R - p R (target_weight / 2 - R) (target_weight - R).
// Between two events of a synapse K is constant, and R is moved on by its Taylor series, to the last digits of a
// double. Traces of a synapse: mark (1 where its input is inhibitory, and 2 more once R has begun), x, R and the time
// that R is of, these two as sums of two numbers: a float alone would lose what R moves by from one event to the next.
#include <evsim/plasticity/magnitude.h>

using evsim::real;

EVSIM_PARAMETERS(eta = 0.01, a = 1, b = -1, c = -1, d = 1, p = 20, pre_tau = 20, post_tau = 20, post_slow_tau = 100,
                 target_tau = 20000, target_weight = 0.5)

auto synaptic_traces_tau(const Parameters& p) {
    return evsim::time_constants(INFINITY, p.pre_tau, INFINITY, INFINITY, INFINITY, INFINITY);
}
auto neuron_traces_tau(const Parameters& p) {
    return evsim::time_constants(p.post_tau, p.post_slow_tau, INFINITY, INFINITY);
}

/// R' = constant + R (linear + R (square + R cube)), in units of target_tau.
struct Slope {
    double constant, linear, square, cube;

    double at(double r) const { return constant + r * (linear + r * (square + r * cube)); }
    double size(double r) const { return constant - r * linear + r * r * (square - r * cube); }
};

/// Moves R on by `span`, or by a part of it that its series converges in; what is left of `span` afterwards.
inline double moved(double& r, double span, const Slope& slope) {
    constexpr int order = 14;
    constexpr double small = 1e-17;
    const double rate = -slope.linear + 2 * slope.square * r - 3 * slope.cube * r * r;  // the series is in these units
    const double largest = r > slope.constant ? r : slope.constant;
    double terms[order + 1] = {r}, squares[order];
    double power = 1;
    int negligible = 0, n = 0;
    while (n < order && negligible < 2) {
        squares[n] = 0;
        for (int j = 0; j <= n; ++j) squares[n] += terms[j] * terms[n - j];
        double next = slope.linear * terms[n] + slope.square * squares[n] + (n == 0 ? slope.constant : 0);
        for (int j = 0; j <= n; ++j) next += slope.cube * squares[j] * terms[n - j];
        n += 1;
        terms[n] = next / (rate * n);
        power *= span * rate;
        negligible = std::fabs(terms[n]) * power <= small * largest ? negligible + 1 : 0;
    }
    double step = span * rate;
    if (negligible < 2) {
        for (int k = order - 1; k <= order; ++k) {
            const double converges = std::pow(small * largest / std::fabs(terms[k]), 1.0 / k);
            step = converges < step ? converges : step;
        }
    }
    double sum = 0;
    for (int k = n; k > 0; --k) sum = (sum + terms[k]) * step;
    r += sum;
    return step < span * rate ? span - step / rate : 0.0;
}

/// R after the time from the synapse's last event to this one. Far from it where R does not change any more.
inline double followed(double r, double k, double span, const Parameters& p) {
    const double factor = p.p, weight = p.target_weight;
    const Slope slope{k, -1 - factor * weight * weight / 2, 1.5 * factor * weight, -factor};
    for (int step = 0; step < 1000 && span > 0; ++step) {
        if (!(std::fabs(slope.at(r)) > 1e-16 * slope.size(r))) break;
        span = moved(r, span, slope);
    }
    return r;
}

/// R at this event. `k` is the weight before it.
inline double reference(real* synapse, real k, double time, const Parameters& p) {
    double r = k, since = 0;
    if (synapse[0] >= 2) {
        r = double(synapse[2]) + double(synapse[3]);
        since = double(synapse[4]) + double(synapse[5]);
    } else {
        synapse[0] += 2;
    }
    r = followed(r, k, (time - since) / p.target_tau, p);
    synapse[2] = static_cast<real>(r);
    synapse[3] = static_cast<real>(r - double(synapse[2]));
    synapse[4] = static_cast<real>(time);
    synapse[5] = static_cast<real>(time - double(synapse[4]));
    return r;
}

inline real sign_of(real weight, const real* synapse) {
    return evsim::sign_of_synapse(weight, synapse[0] == 1 || synapse[0] == 3);
}

void on_pre_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p, const evsim::Context& at) {
    const real sign = sign_of(weight, synapse);
    if (p.c != 0) reference(synapse, sign * weight, at.time, p);
    const real change = p.eta * (p.b * neuron[0] / p.post_tau + p.d);
    weight = evsim::grown(weight, sign, change, real(INFINITY));
    synapse[1] += 1;
}
void on_post_neuron(real* neuron) {
    neuron[2] = neuron[0];  // before this spike, for on_post_synapse
    neuron[3] = neuron[1];
    neuron[0] += 1;
    neuron[1] += 1;
}
void on_post_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p, const evsim::Context& at) {
    const real sign = sign_of(weight, synapse), k = sign * weight;
    real change = p.a * synapse[1] * neuron[3] / (p.pre_tau * p.post_slow_tau);
    if (p.c != 0) {
        const real y = neuron[2] / p.post_tau;
        change += p.c * static_cast<real>(k - reference(synapse, k, at.time, p)) * y * y * y;
    }
    weight = evsim::grown(weight, sign, p.eta * change, real(INFINITY));
}
