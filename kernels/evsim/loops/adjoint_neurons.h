// Linear neurons one by one, forwards through spikes that are known and back with the costates. Wunderlich & Pehle 2021
// (Sci. Rep. 11:12829) for one model, here for any x' = A x; at a crossing of c x = threshold, after which x <- R x,
//
//     mu- = R' mu+ + c z,   z = (mu+ (x'+ - R x'-) - E) / (c x'-)
//
// where mu is the loss by the state and E the loss by the time of the spike.
#pragma once

#include <evsim/loops/adjoint_algebra.h>
#include <evsim/loops/adjoint_kernel.h>
#include <evsim/neuron/too_many_steps.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <int N>
struct AdjointLoops {
    using Vector = Row<N>;

    static AdjointKernel table() { return {N, forward, backward}; }

 private:
    static Vector load(const double* from) {
        Vector x;
        for (int j = 0; j < N; ++j) x.at[j] = from[j];
        return x;
    }
    static void store(const Vector& x, double* to) {
        for (int j = 0; j < N; ++j) to[j] = x.at[j];
    }
    /// How a neuron moves, free and refractory.
    struct Flows {
        const double *flow, *held_flow;
        LinearFlow<N> free, held;

        Flows(const AdjointNeurons& all, std::int64_t neuron)
            : flow(all.flow + neuron * all.flow_stride),
              held_flow(all.held_flow ? all.held_flow + neuron * all.flow_stride : flow),
              free(flow),
              held(held_flow) {}

        const LinearFlow<N>& of(bool is_held) const { return is_held ? held : free; }
        Vector slope(bool is_held, const Vector& x) const { return times(is_held ? held_flow : flow, x); }
    };

    static void forward(const AdjointNeurons& all) {
        const Flows shared(all, 0);
        for (std::int64_t n = 0; n < all.n; ++n) {
            if (all.first[n] == all.first[n + 1]) continue;
            if (all.flow_stride == 0) {
                forward(all, n, shared);
            } else {
                forward(all, n, Flows(all, n));
            }
        }
    }

    static Vector after(const AdjointNeurons& all, std::int64_t neuron, const AdjointPoint& point, Vector x) {
        if (point.kind == AdjointKind::arrival) {
            add(x, point.weight, load((point.held ? all.held_arrivals : all.arrivals) + point.edge * N));
        } else if (point.kind == AdjointKind::crossing || point.kind == AdjointKind::jump) {
            x = times(all.reset + neuron * all.reset_stride, x);
        }
        return x;
    }

    static void forward(const AdjointNeurons& all, std::int64_t n, const Flows& flows) {
        Vector x = load(all.initial + n * all.initial_stride);
        double now = all.start;
        bool held = false;
        for (std::int64_t k = all.first[n]; k < all.first[n + 1]; ++k) {
            AdjointPoint& point = all.points[k];
            point.held = held;
            if (point.time > now) x = flows.of(held).flow(x, point.time - now);
            now = point.time;
            store(x, all.states + k * N);
            x = after(all, n, point, x);
            if (point.kind == AdjointKind::release) held = false;
            if (point.kind == AdjointKind::crossing || point.kind == AdjointKind::jump)
                held = all.refractory && all.refractory[n] > 0.0;
        }
    }

    static void backward(const AdjointStretch& stretch) {
        const AdjointNeurons& all = *stretch.neurons;
        const Flows shared(all, 0);
        for (std::int64_t n = 0; n < all.n; ++n) {
            const std::int64_t left = stretch.left[n], first = all.first[n];
            const bool ended = left == first && (stretch.begin > all.start || !(stretch.now[n] > all.start));
            if (first == all.first[n + 1] || ended || (left > first && all.points[left - 1].time < stretch.begin))
                continue;
            if (all.flow_stride == 0) {
                WayBack(stretch, n, shared).run();
            } else {
                WayBack(stretch, n, Flows(all, n)).run();
            }
        }
    }

    /// Of one neuron.
    struct WayBack {
        const AdjointStretch& stretch;
        const AdjointNeurons& all;
        std::int64_t n;
        const Flows& flows;
        const double* reset;
        Vector costate;
        double now;
        double handed_on = 0.0;  ///< by spikes to the arrival or release that causes them

        WayBack(const AdjointStretch& stretch_, std::int64_t neuron, const Flows& flows_)
            : stretch(stretch_),
              all(*stretch_.neurons),
              n(neuron),
              flows(flows_),
              reset(all.reset + neuron * all.reset_stride),
              costate(load(stretch_.costates + neuron * N)),
              now(stretch_.now[neuron]) {}

        void run() {
            const std::int64_t first = all.first[n], end = all.first[n + 1];
            std::int64_t k = stretch.left[n];
            for (; k > first && all.points[k - 1].time >= stretch.begin; --k) {
                AdjointPoint& point = all.points[k - 1];
                const Vector before = load(all.states + (k - 1) * N);
                if (k < end) pass(after(all, n, point, before), now - point.time, all.points[k].held);
                now = point.time;
                turn(point, before);
            }
            if (k == first && stretch.begin <= all.start) {
                pass(load(all.initial + n * all.initial_stride), now - all.start, all.points[first].held);
                now = all.start;
                if (stretch.by_initial)
                    for (int j = 0; j < N; ++j) stretch.by_initial[n * N + j] += costate.at[j];
            }
            stretch.left[n] = k;
            stretch.now[n] = now;
            store(costate, stretch.costates + n * N);
        }

        /// Back through a time without points, which began with `x`.
        void pass(Vector x, double duration, bool held) {
            if (!(duration > 0.0)) return;
            const LinearFlow<N>& flow = flows.of(held);
            if (!stretch.by_flow) {
                add(costate, 1.0, costate * flow.change(duration));
                return;
            }
            double* const sum = (held ? stretch.by_held_flow : stretch.by_flow) + n * N * N;
            // From the left x, from the right the costate: pieces short enough for the series below.
            const double pieces = std::ceil(duration * flow.norm);
            if (pieces > most_pieces) too_many_steps();
            const int n_pieces = pieces > 1.0 ? static_cast<int>(pieces) : 1;
            const double length = duration / n_pieces;
            const Square<N> change = flow.change(length);
            Vector costates_at[most_kept];
            for (int done = 0; done < n_pieces;) {
                // The last pieces first; their costates are kept, and x comes to them from the beginning.
                const int some = n_pieces - done < most_kept ? n_pieces - done : most_kept;
                for (int k = some - 1; k >= 0; --k) {
                    costates_at[k] = costate;
                    add(costate, 1.0, costate * change);
                }
                const int before = n_pieces - done - some;
                Vector at = before > 0 ? flow.flow(x, length * before) : x;
                for (int k = 0; k < some; ++k) {
                    add_integral(sum, flow, costates_at[k], at, length);
                    at = LinearFlow<N>::moved(change, at);
                }
                done += some;
            }
        }

        void turn(AdjointPoint& point, const Vector& x) {
            switch (point.kind) {
                case AdjointKind::arrival: {
                    const Vector jump = load((point.held ? all.held_arrivals : all.arrivals) + point.edge * N);
                    const double by_time = handed_on - point.weight * (costate * flows.slope(point.held, jump));
                    handed_on = 0.0;
                    point.weight = costate * jump;
                    point.time = by_time;
                    break;
                }
                case AdjointKind::crossing:
                case AdjointKind::jump:
                    spike(point, x);
                    break;
                case AdjointKind::release: {
                    const double by_time = handed_on + costate * flows.slope(true, x) - costate * flows.slope(false, x);
                    handed_on = 0.0;
                    stretch.spikes[point.spike] += by_time;
                    if (stretch.by_refractory) stretch.by_refractory[n] += by_time;
                    break;
                }
                case AdjointKind::seed: {
                    const Vector seed = load(stretch.seeds + point.place * N);
                    if (point.weight != 0.0) {
                        AdjointPoint* arrival = &point + 1;
                        while (arrival->kind != AdjointKind::arrival) ++arrival;
                        arrival->time += seed * flows.slope(false, x);  // which is the loss by its time by now
                    }
                    add(costate, 1.0, seed);
                    break;
                }
            }
        }

        void spike(const AdjointPoint& point, const Vector& x) {
            const bool held = all.refractory && all.refractory[n] > 0.0;
            const Vector slope = flows.slope(false, x), slope_after = flows.slope(held, times(reset, x));
            // The loss by the time of the spike, all that comes after it seen at a fixed time.
            const double by_time = stretch.spikes[point.spike] + costate * times(reset, slope) - costate * slope_after;
            if (stretch.by_reset) add_product(stretch.by_reset + n * N * N, 1.0, costate, x);
            costate = transposed_times(reset, costate);
            if (point.kind == AdjointKind::jump) {
                handed_on += by_time;
                return;
            }
            const Vector readout = load(all.readout);
            const double steep = larger(readout * slope, stretch.smallest_slope);
            if (!(steep > 0.0)) return;  // it grazes the threshold, of which there is no derivative
            add(costate, -by_time / steep, readout);
            if (stretch.by_threshold) stretch.by_threshold[n] += by_time / steep;
        }
    };

    static constexpr int most_pieces = 1 << 24, most_kept = 32;

    /// sum += the integral of e^{A'(h - s)} mu (e^{A s} x)' over s from 0 to h, for |A| h <= 1: with u_p = (h A')^p mu
    /// and v_q = (h A)^q x it is h times the sum of u_p v_q' / (p + q + 1)!.
    static void add_integral(double* sum, const LinearFlow<N>& flow, const Vector& mu, const Vector& x, double h) {
        const Square<N>& a = flow.term[0];
        const double change = h * flow.norm;
        const int degree = change > 0x1p-3 ? 17 : change > 0x1p-8 ? 9 : 6;
        Vector v[18];
        v[0] = x;
        for (int q = 1; q <= degree; ++q) v[q] = times(a.at[0], v[q - 1]).scaled(h);
        Vector u = mu;
        for (int p = 0; p <= degree; ++p) {
            Vector y;
            for (int q = degree - p; q >= 0; --q) add(y, inverse_factorial(p + q + 1), v[q]);
            add_product(sum, h, u, y);
            u = (u * a).scaled(h);
        }
    }
    static double inverse_factorial(int k) {
        static constexpr auto all = [] {
            struct {
                double at[20];
            } values{};
            values.at[0] = 1.0;
            for (int i = 1; i < 20; ++i) values.at[i] = values.at[i - 1] / i;
            return values;
        }();
        return all.at[k];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
