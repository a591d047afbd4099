// Any neuron whose state follows x' = A x between events and fires where a readout c x reaches a threshold: synapses,
// membrane, adaptation and compartments of every kind, as matrices. x is measured from rest.
#pragma once

#include <evsim/neuron/linear_flow.h>
#include <evsim/neuron/linear_gaps.h>
#include <evsim/neuron/linear_rates.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Where the shared parameters of N variables lie.
template <int N>
struct LinearParameters {
    static constexpr int flow = 0;                ///< A, row by row
    static constexpr int ceiling = flow + N * N;  ///< c e^{A t} x <= ceiling |x| for all t
    static constexpr int reset = ceiling + N;     ///< x <- R x + r: R; r is each neuron's
    static constexpr int seen = reset + N * N;    ///< observables: O x
    static constexpr int readout = seen + N * N;  ///< c
    static constexpr int held = readout + N;      ///< 1 for a variable that a held neuron does not change
    static constexpr int jumps = held + N;        ///< whether an input may move c x itself
    static constexpr int coupled = jumps + 1;     ///< whether other variables feel those that are held
    static constexpr int deaf = coupled + 1;      ///< whether a held neuron loses its input
    static constexpr int quiet =
        deaf + 1;  ///< whether it surely falls silent without input if it rests below threshold
    static constexpr int count = quiet + 1;

    const char* names[count];
    ParameterDomain domains[count] = {};

    constexpr LinearParameters() {
        for (int k = 0; k < count; ++k)
            names[k] = k < ceiling    ? "flow"
                       : k < reset    ? "ceiling"
                       : k < seen     ? "reset"
                       : k < readout  ? "seen"
                       : k < held     ? "readout"
                       : k < jumps    ? "held"
                       : k == jumps   ? "jumps"
                       : k == coupled ? "coupled"
                       : k == deaf    ? "deaf"
                                      : "quiet";
    }
};
template <int N>
inline constexpr LinearParameters<N> linear_parameters{};

template <int N>
struct LinearNeuronNames {
    const char* names[3 * N + 2];
    ParameterDomain domains[3 * N + 2] = {};
    constexpr LinearNeuronNames() {
        for (int k = 0; k <= 3 * N; ++k)
            names[k] = k == 0 ? "threshold" : k <= N ? "after_reset" : k <= 2 * N ? "initial" : "rest";
        names[3 * N + 1] = "refractory";
        domains[3 * N + 1] = ParameterDomain::not_negative;
    }
};
template <int N>
inline constexpr LinearNeuronNames<N> linear_neuron_names{};

template <int N>
struct LinearObservableNames {
    static constexpr const char* all[] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"};
    static_assert(N <= 8);
    const char* names[N];
    constexpr LinearObservableNames() {
        for (int k = 0; k < N; ++k) names[k] = all[k];
    }
};
template <int N>
inline constexpr LinearObservableNames<N> linear_observable_names{};

/// Ports are numbered as the variables: an input to port p is added to variable p.
template <int N>
struct Linear {
    using At = LinearParameters<N>;
    static constexpr bool spikes = true;
    static constexpr bool holds = true;
    static constexpr int n_ports = N;
    static constexpr int n_shared = At::count;
    static constexpr int n_time_constants = At::reset;         ///< that neurons may have each their own of
    static constexpr int most_vectors_of_own = N > 4 ? 1 : 4;  ///< with those, whose rates fill the registers
    static constexpr const auto& shared_names = linear_parameters<N>.names;
    static constexpr const auto& shared_domains = linear_parameters<N>.domains;
    static constexpr const auto& neuron_names = linear_neuron_names<N>.names;
    static constexpr const auto& neuron_domains = linear_neuron_names<N>.domains;
    static constexpr const auto& observable_names = linear_observable_names<N>.names;

    struct Neuron {
        double threshold;  ///< of c x
        double after_reset[N], initial[N], rest[N];
        double refractory;
    };
    template <class V>
    struct State {
        V x[N];
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct Hot {
        V threshold;
    };
    /// Changes, not factors: close to 1 a factor in float would lose most digits of the rate of decay.
    template <class T>
    struct Gap {
        T change[N][N];
        T readout[N], rise[N];  ///< c, and c times the change
        T slack[N];             ///< what c x may exceed the larger of its ends by, for each |x|
    };

    template <class V>
    using Rates = LinearRates<N, V>;

    LinearFlow<N> free, held;
    LinearCrossing<N> crossing;
    double reset[N][N], seen[N][N];
    bool is_held[N], moves_readout, coupled, deaf, quiet;

    EVSIM_FN explicit Linear(const double* shared)
        : free(shared + At::flow),
          held(shared + At::flow, shared + At::held),
          crossing(free, shared + At::readout, shared + At::ceiling),
          moves_readout(shared[At::jumps] != 0.0),
          coupled(shared[At::coupled] != 0.0),
          deaf(shared[At::deaf] != 0.0),
          quiet(shared[At::quiet] != 0.0) {
        for (int i = 0; i < N; ++i) {
            is_held[i] = shared[At::held + i] != 0.0;
            for (int j = 0; j < N; ++j) {
                reset[i][j] = shared[At::reset + i * N + j];
                seen[i][j] = shared[At::seen + i * N + j];
            }
        }
    }
    EVSIM_FN bool jumps(int) const { return moves_readout; }

    EVSIM_FN State<double> initial(const Neuron& n) const {
        State<double> s;
        for (int i = 0; i < N; ++i) s.x[i] = n.initial[i];
        return s;
    }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        return crossing.first(row(s), n.threshold, horizon);
    }
    /// From crossing to crossing; rarely is there a second one in a gap, and most of those are ruled out at once.
    template <class Fired>
    EVSIM_FN int advance(State<double>& s, const Neuron& n, double gap, const Gap<double>& factors, bool closed,
                         Fired&& fired) const {
        Row<N> slack;
        for (int j = 0; j < N; ++j) slack.at[j] = factors.slack[j];
        double elapsed = 0.0;
        for (int crossings = 0;;) {
            const double left = gap - elapsed;
            const bool below = crossings > 0 && crossing.stays_below(row(s), n.threshold, left, slack);
            const double time = below ? never() : first_crossing(s, n, left);
            if (!(closed ? time <= left : time < left)) {
                flow(s, n, left);
                return crossings;
            }
            elapsed += time;
            flow(s, n, time);
            fire(s, n);
            ++crossings;
            if (!fired(elapsed)) return crossings;
        }
    }
    /// `advance` with other time constants than its own; -1, and nothing has changed, where the gap is too long for it.
    template <class Fired>
    EVSIM_FN int advance_by_steps(const double* time_constants, State<double>& s, const Neuron& n, double gap,
                                  bool closed, Fired&& fired) const {
        const LinearSteps<N> steps(time_constants + At::flow, crossing.readout[0]);
        if (!(gap < steps.most * steps.unit)) return -1;
        double elapsed = 0.0;
        for (int crossings = 0;;) {
            const double left = gap - elapsed;
            Row<N> x = row(s);
            const double time = steps.pass(x, n.threshold, left);
            for (int i = 0; i < N; ++i) s.x[i] = x.at[i];
            if (!(closed ? time <= left : time < left)) return crossings;
            elapsed += time;
            fire(s, n);
            ++crossings;
            if (!fired(elapsed)) return crossings;
        }
    }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { move(s, free, duration); }
    EVSIM_FN void flow_held(State<double>& s, const Neuron&, double duration) const { move(s, held, duration); }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        const Row<N> before = row(s);
        for (int i = 0; i < N; ++i) {
            s.x[i] = n.after_reset[i];
            for (int j = 0; j < N; ++j) s.x[i] = multiply_add(reset[i][j], before.at[j], s.x[i]);
        }
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const {
        return crossing.readout[0] * row(s) >= n.threshold;
    }
    EVSIM_FN Endless endless(const Neuron& n) const {
        return n.threshold > 0.0 && quiet ? Endless::never : Endless::unknown;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int observable) const {
        double sum = 0.0;
        for (int j = 0; j < N; ++j) sum = multiply_add(seen[observable][j], s.x[j] + n.rest[j], sum);
        return sum;
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int port) {
        for (int j = 0; j < N; ++j)
            if (j == port) s.x[j] = s.x[j] + weight;
    }

    EVSIM_NOINLINE Gap<double> gap(double duration) const {
        const Square<N> change = free.change(duration);
        const Row<N> rise = crossing.readout[0] * change, slack = crossing.slack(duration);
        Gap<double> out;
        for (int j = 0; j < N; ++j) {
            for (int i = 0; i < N; ++i) out.change[i][j] = change.at[i][j];
            out.readout[j] = crossing.readout[0].at[j];
            out.rise[j] = rise.at[j];
            out.slack[j] = slack.at[j] + rounding * (std::fabs(out.readout[j]) + std::fabs(rise.at[j]));
        }
        return out;
    }
    /// The same for many gaps, to be rounded to S.
    template <class S>
    struct Gaps {
        const Linear& model;
        LinearPowers<N, S> powers;

        EVSIM_FN explicit Gaps(const Linear& model_) : model(model_), powers(model_.free) {}

        /// `V`: double, or a vector of it, whose lanes get what each would get alone.
        template <class V>
        EVSIM_INLINE Gap<V> operator()(const V& duration) const {
            const double longest = powers.longest();
            const bool too_long = any_above(duration, longest);
            if constexpr (same_type<V, double>) {
                if (too_long) return model.gap(duration);
            }
            Gap<V> out;
            up_to_longest(too_long ? V(select(duration > broadcast<V>(longest), V{}, duration)) : duration, out);
            if constexpr (!same_type<V, double>) {
                for (int lane = 0; too_long && lane < static_cast<int>(sizeof(V) / sizeof(double)); ++lane)
                    if (duration[lane] > longest) put(model.gap(duration[lane]), lane, out);
            }
            return out;
        }

     private:
        template <class V>
        EVSIM_INLINE void up_to_longest(const V& duration, Gap<V>& out) const {
            powers.change(duration, out.change);
            model.crossing.slack(duration, out.slack);
            for (int j = 0; j < N; ++j) {
                const V c = broadcast<V>(model.crossing.readout[0].at[j]);
                V rise{};
                for (int i = 0; i < N; ++i)
                    rise = multiply_add(broadcast<V>(model.crossing.readout[0].at[i]), out.change[i][j], rise);
                out.readout[j] = c;
                out.rise[j] = rise;
                out.slack[j] = out.slack[j] + broadcast<V>(rounding) * (magnitude(c) + magnitude(rise));
            }
        }
        template <class V>
        EVSIM_FN static void put(const Gap<double>& one, int lane, Gap<V>& all) {
            for (int j = 0; j < N; ++j) {
                for (int i = 0; i < N; ++i) all.change[i][j][lane] = one.change[i][j];
                all.rise[j][lane] = one.rise[j];
                all.slack[j][lane] = one.slack[j];
            }
        }
    };
    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold)};
    }
    template <class T>
    EVSIM_FN Rates<T> rates() const {
        const auto above = [](double number) { return bounded<T>(number * (1.0 + 1e-6)); };
        Rates<T> out;
        const double unit = free.unit < longest_unit ? free.unit : longest_unit;
        out.unit = static_cast<T>(unit);
        out.per_unit = above(1.0 / unit);
        for (int j = 0; j < N; ++j) {
            for (int i = 0; i < N; ++i) out.flow[i][j] = static_cast<T>(free.term[0].at[i][j]);
            const double c = crossing.readout[0].at[j], slope = crossing.readout[1].at[j] * unit;
            out.readout[j] = static_cast<T>(c);
            out.slope[j] = static_cast<T>(slope);
            out.bend[j] = above(0.5 * crossing.most_bent(j, unit) * unit * unit);
            out.ceiling[j] = above(crossing.ceiling.at[j]);
            out.edge[j] = above(rounding * (std::fabs(c) + std::fabs(slope)));
        }
        return out;
    }
    template <class V>
    EVSIM_FN static LinearOwnGap<N, V> gap_of(const Rates<V>& rates, const V& duration) {
        return LinearSeries<N>::gap_of(rates, duration);
    }
    template <class V>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& hot, const LinearOwnGap<N, V>& gap) {
        return LinearSeries<N>::excess(s.x, hot.threshold, gap);
    }
    template <class V>
    EVSIM_FN static void decay(State<V>& s, const LinearOwnGap<N, V>& gap) {
        LinearSeries<N>::decay(s.x, gap);
    }
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& hot, const Gap<T>& gap) {
        V now = V{} - hot.threshold, rise{};
        for (int j = 0; j < N; ++j) {
            now = multiply_add(s.x[j], broadcast<V>(gap.readout[j]), now);
            now = multiply_add(magnitude(s.x[j]), broadcast<V>(gap.slack[j]), now);
            rise = multiply_add(s.x[j], broadcast<V>(gap.rise[j]), rise);
        }
        return now + positive_part(rise);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& gap) {
        const State<V> before = s;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) s.x[i] = multiply_add(before.x[j], broadcast<V>(gap.change[i][j]), s.x[i]);
    }
    template <class Mask, class V>
    EVSIM_FN void hold(const Mask& mask, const State<V>& before, State<V>& after) const {
        for (int i = 0; i < N; ++i)
            if (is_held[i]) after.x[i] = select(mask, before.x[i], after.x[i]);
    }
    /// What of an input reaches those held.
    template <class Mask, class V>
    EVSIM_FN V heard(const Mask& mask, const V& weight) const {
        return deaf ? select(mask, V{}, weight) : weight;
    }

 private:
    /// Of the sums in `excess` in the type of the state, and of a threshold beside them.
    static constexpr double rounding = 1e-6;
    static constexpr double longest_unit = 1e20;  ///< of rates, for neurons in which hardly anything moves

    EVSIM_FN static Row<N> row(const State<double>& s) {
        Row<N> x;
        for (int i = 0; i < N; ++i) x.at[i] = s.x[i];
        return x;
    }
    EVSIM_FN static void move(State<double>& s, const LinearFlow<N>& by, double duration) {
        const Row<N> x = by.flow(row(s), duration);
        for (int i = 0; i < N; ++i) s.x[i] = x.at[i];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
