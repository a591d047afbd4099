// What evsim is measured against, in the same run: a textbook event-driven simulator, and how fast this machine reads
// memory. Plain C functions, so that the Python benchmark can load them too.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

extern "C" {

/// LIF with exponential current synapse, tau_mem = 2 tau_syn, as one would write it down: for every neuron and every
/// event one exponential, the closed-form crossing, the jump. weights: [neuron * n_inputs + input]. Returns the number
/// of spikes.
std::int64_t textbook_lif(const float* weights, std::int32_t n_neurons, std::int32_t n_inputs,
                          const std::int32_t* indices, const double* times, std::int64_t n_events, double tau_mem,
                          double threshold) {
    std::int64_t n_spikes = 0;
    const float theta = static_cast<float>(threshold);
    for (std::int32_t n = 0; n < n_neurons; ++n) {
        const float* row = weights + static_cast<std::int64_t>(n) * n_inputs;
        float a = 0.0f, b = 0.0f;  // v = b x - a x^2 with x = e^{-t/tau_mem}
        double now = 0.0;
        for (std::int64_t e = 0; e <= n_events; ++e) {
            const double next = e < n_events ? times[e] : INFINITY;
            for (;;) {
                const float discriminant = b * b - 4.0f * a * theta;
                if (discriminant < 0.0f || a <= 0.0f) break;
                const float root = (b + std::sqrt(discriminant)) / (2.0f * a);
                if (root <= 0.0f || root > 1.0f) break;
                const double spike = now - tau_mem * std::log(root);
                if (spike > next || spike <= now) break;
                const float x = std::exp(static_cast<float>(-(spike - now) / tau_mem));
                a *= x * x;
                b = b * x - theta;
                now = spike;
                ++n_spikes;
            }
            if (e == n_events) break;
            const float x = std::exp(static_cast<float>(-(next - now) / tau_mem));
            a = a * x * x + row[indices[e]];
            b = b * x + row[indices[e]];
            now = next;
        }
    }
    return n_spikes;
}

/// Best rate in bytes/s at which `bytes` of memory are summed, over `repeats` passes.
double streaming_bandwidth(std::int64_t bytes, int repeats) {
    const std::size_t n = static_cast<std::size_t>(bytes) / sizeof(float);
    std::vector<float> values(n, 1.0f);
    double best = 0.0;
    volatile float sink = 0.0f;
    for (int r = 0; r < repeats; ++r) {
        const auto start = std::chrono::steady_clock::now();
        float sums[64] = {};
        const float* p = values.data();
        for (std::size_t k = 0; k + 64 <= n; k += 64) {
            for (int lane = 0; lane < 64; ++lane) sums[lane] += p[k + static_cast<std::size_t>(lane)];
        }
        for (const float sum : sums) sink = sink + sum;
        best = std::max(best, static_cast<double>(n * sizeof(float)) / seconds_since(start));
    }
    return best;
}
}
