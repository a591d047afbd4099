// Any neuron whose state follows x' = A x between events and fires where a readout c x reaches a threshold: synapses,
// membrane, adaptation and compartments of every kind, as matrices. x is measured from rest.
#pragma once

#include <evsim/neuron/linear_crossing.h>
#include <evsim/neuron/linear_flow.h>
#include <evsim/neuron/linear_gaps.h>
#include <evsim/neuron/linear_parameters.h>
#include <evsim/neuron/linear_rates.h>

namespace evsim {
inline namespace EVSIM_ISA {

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
        T across[N], slack[N];  ///< see LinearCrossing::bounds
    };

    template <class V>
    using Rates = LinearRates<N, V>;

    LinearFlow<N> free, held;
    Square<N> unit_change;  ///< of `free` in its unit of time
    LinearCrossing<N> crossing;
    double reset[N][N], seen[N][N];
    bool is_held[N], moves_readout, coupled, deaf, quiet;

    EVSIM_FN explicit Linear(const double* shared)
        : free(shared + At::flow),
          held(shared + At::flow, shared + At::held),
          unit_change(free.change(free.unit)),
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
    template <class Fired>
    EVSIM_FN int advance(State<double>& s, const Neuron& n, double gap, const Gap<double>& factors, bool closed,
                         Fired&& fired) const {
        return advance_by_passes(s, n, gap, factors.change, closed, fired);
    }
    EVSIM_INLINE int usual_crossing(State<double>& s, const Neuron& n, double gap, const Gap<double>& factors,
                                    double& time) const {
        if (!(gap <= free.unit && n.refractory == 0.0)) return -1;
        const Row<N> x = row(s), end = moved(factors.change, x);
        Row<N> there;
        time = crossing.usual(x, n.threshold, gap, crossing.readout[0] * end - n.threshold, there);
        if (time > gap) {
            put(end, s);
            return 0;
        }
        if (!(time < gap)) return -1;
        put(there, s);
        fire(s, n);
        const double left = gap - time;
        if (!crossing.stays_below(row(s), n.threshold, left)) return -1;
        put(free.short_flow(row(s), left), s);
        return 1;
    }
    /// The same without them.
    template <class Fired>
    EVSIM_FN int advance_alone(State<double>& s, const Neuron& n, double gap, bool closed, Fired&& fired) const {
        return advance_by_passes(s, n, gap, nullptr, closed, fired);
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
        Gap<double> out;
        if (duration <= free.unit) {
            free.unit_series(duration, out.change);
        } else {
            const Square<N> change = free.change(duration);
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) out.change[i][j] = change.at[i][j];
        }
        bound(duration, out);
        return out;
    }
    /// The same of several durations, bit for bit. `V`: a vector of double.
    template <class V>
    EVSIM_FN Gap<V> gaps(const V& duration) const {
        const bool too_long = any_above(duration, free.unit);
        const V brief = too_long ? select(duration > broadcast<V>(free.unit), V{}, duration) : duration;
        Gap<V> out;
        free.unit_series(brief, out.change);
        bound(brief, out);
        for (int lane = 0; too_long && lane < static_cast<int>(sizeof(V) / sizeof(double)); ++lane)
            if (duration[lane] > free.unit) put(gap(duration[lane]), lane, out);
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
                    if (duration[lane] > longest) Linear::put(model.gap(duration[lane]), lane, out);
            }
            return out;
        }

     private:
        template <class V>
        EVSIM_INLINE void up_to_longest(const V& duration, Gap<V>& out) const {
            powers.change(duration, out.change);
            model.bound(duration, out);
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
        V above = V{} - hot.threshold;
        for (int j = 0; j < N; ++j) {
            above = multiply_add(s.x[j], broadcast<V>(gap.across[j]), above);
            above = multiply_add(magnitude(s.x[j]), broadcast<V>(gap.slack[j]), above);
        }
        return above;
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
    static constexpr double rounding = LinearCrossing<N>::rounding;
    static constexpr double longest_unit = 1e20;  ///< of rates, for neurons in which hardly anything moves

    /// Up to so many units of time a gap is passed unit by unit.
    static constexpr double most_units = 16.0;

    /// `change`: of the whole gap, if it is known.
    template <class Fired>
    EVSIM_FN int advance_by_passes(State<double>& s, const Neuron& n, double gap, const double (*change)[N],
                                   bool closed, Fired&& fired) const {
        double elapsed = 0.0;
        for (int crossings = 0;;) {
            const double time = pass(s, n.threshold, gap - elapsed, crossings > 0 ? nullptr : change, closed);
            if (time != time) return crossings;
            elapsed = elapsed + time < gap ? elapsed + time : gap;
            fire(s, n);
            ++crossings;
            if (!fired(elapsed)) return crossings;
        }
    }
    /// To the first crossing within a time, and returns when that is; to the end, and returns NaN, if there is none.
    EVSIM_NOINLINE double pass(State<double>& s, double threshold, double duration, const double (*change)[N],
                               bool closed) const {
        Row<N> x = row(s);
        double now = 0.0;
        for (;;) {
            const double left = duration - now;
            const bool last = left <= free.unit, long_way = left > most_units * free.unit;
            const double step = last || long_way ? left : free.unit;
            Row<N> end, there;
            double time = never();
            if (!long_way) {
                const bool known = last && now == 0.0 && change != nullptr;
                const bool below = !known && crossing.stays_below(x, threshold, step);
                end = known ? moved(change, x) : last ? free.short_flow(x, step) : free.moved(unit_change, x);
                time = below ? infinity()
                             : crossing.usual(x, threshold, step, crossing.readout[0] * end - threshold, there);
                if (time <= step) {
                    put(there, s);
                    return now + time;
                }
            }
            if (time != time) time = crossing.first(x, threshold, step);
            const bool at_end = last || long_way;
            if (at_end && !closed ? time < step : time <= step) {
                put(free.flow(x, time), s);
                return now + time;
            }
            x = long_way ? free.flow(x, step) : end;
            if (at_end) break;
            now += step;
        }
        put(x, s);
        return never();
    }
    template <class V>
    EVSIM_FN static void put(const Gap<double>& one, int lane, Gap<V>& all) {
        for (int j = 0; j < N; ++j) {
            for (int i = 0; i < N; ++i) all.change[i][j][lane] = one.change[i][j];
            all.across[j][lane] = one.across[j];
            all.slack[j][lane] = one.slack[j];
        }
    }
    /// What `excess` takes of a gap whose change is known.
    template <class V>
    EVSIM_FN void bound(const V& duration, Gap<V>& out) const {
        V rise[N] = {};
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j)
                rise[j] = multiply_add(broadcast<V>(crossing.readout[0].at[i]), out.change[i][j], rise[j]);
        crossing.bounds(duration, rise, !moves_readout, out.across, out.slack);
    }

    EVSIM_FN static Row<N> row(const State<double>& s) {
        Row<N> x;
        for (int i = 0; i < N; ++i) x.at[i] = s.x[i];
        return x;
    }
    EVSIM_FN static Row<N> moved(const double (*change)[N], const Row<N>& x) {
        Row<N> end = x;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) end.at[i] = multiply_add(change[i][j], x.at[j], end.at[i]);
        return end;
    }
    EVSIM_FN static void put(const Row<N>& x, State<double>& s) {
        for (int i = 0; i < N; ++i) s.x[i] = x.at[i];
    }
    EVSIM_FN static void move(State<double>& s, const LinearFlow<N>& by, double duration) {
        put(by.flow(row(s), duration), s);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
