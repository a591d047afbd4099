#include "population.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/errors.hpp"
#include "core/fork.hpp"
#include "kernel/parameters.hpp"

namespace evsim {

Population::Population(std::shared_ptr<const NeuronKernel> kernel, const Layout& layout,
                       const NeuronParameters& parameters)
    : kernel_(std::move(kernel)), layout_(layout), shared_(parameters.shared) {
    check_shared(*kernel_, shared_);
    const std::size_t value_bytes = count(kernel_->info.state_bytes), n_hot = count(kernel_->info.n_hot),
                      n_state = count(kernel_->info.n_state), n_memory = count(kernel_->info.n_memory);
    const double per_place =
        static_cast<double>(kernel_->info.n_neuron + kernel_->info.n_memory + 2 * kernel_->info.holds + 1) *
            sizeof(double) +
        static_cast<double>((n_hot + n_state) * value_bytes);
    require_memory(static_cast<double>(places()) * per_place, text("a population of ", n_neurons(), " neurons"));

    // Pixels that are all alike keep their parameters once.
    std::size_t n = places();
    if (layout_.image()) {
        require_sparse(*kernel_);
        const auto channels = count(layout_.image()->channels);
        const bool alike = std::all_of(parameters.per_neuron.begin(), parameters.per_neuron.end(),
                                       [&](const auto& v) { return v.size() == 1 || v.size() == channels; });
        if (alike) n = layout_.channel_stride();
        neurons_ = alike ? spread_parameters(*kernel_, parameters.per_neuron, layout_.image()->channels, n)
                         : arranged(parameters);
        parameter_step_ = alike ? 0 : n / layout_.n_pixels();
    } else {
        require_dense(*kernel_);
        neurons_ = spread_parameters(*kernel_, parameters.per_neuron, n_neurons(), n);
    }
    hot_stride_ = n;
    hot_ = AlignedBuffer(n_hot * n * value_bytes, "neuron parameters");
    AlignedBuffer state(n_state * n * value_bytes, "neuron state");
    std::vector<double> memory(n_memory * n);
    prepare(*kernel_, shared_, neurons_, n, hot_.data(), state.data(), memory);

    initial_.values = AlignedBuffer(n_state * places() * value_bytes, "neuron state");
    initial_.memory.resize(n_memory * places());
    for (std::size_t from = 0; from < places(); from += n) {
        for (std::size_t k = 0; k < n_state; ++k) {
            std::memcpy(initial_.values.data() + (k * places() + from) * value_bytes,
                        state.data() + k * n * value_bytes, n * value_bytes);
        }
        for (std::size_t k = 0; k < n_memory; ++k)
            std::copy_n(&memory[k * n], n, &initial_.memory[k * places() + from]);
    }
    initial_.releases = free_releases(*kernel_, places());
    endless_neuron_ = find_endless();
    if (!layout_.image()) return;
    initial_.last_touch.assign(layout_.n_pixels(), 0.0);
    initial_.pixel_releases.assign(kernel_->info.holds ? layout_.n_pixels() : 0,
                                   -std::numeric_limits<double>::infinity());
    initial_.touched_rows.assign(count(layout_.image()->height), 0);
    fires_untouched_ = may_fire_untouched();
}

/// Parameters of every place, where they differ between pixels.
std::vector<double> Population::arranged(const NeuronParameters& parameters) const {
    const std::size_t n_parameters = parameters.per_neuron.size(), channels = count(layout_.image()->channels),
                      n_pixels = layout_.n_pixels(), stride = layout_.channel_stride();
    std::vector<std::vector<double>> each = parameters.per_neuron;
    for (std::vector<double>& values : each) {
        if (values.size() != channels) continue;
        std::vector<double> all(count(n_neurons()));
        for (std::size_t n = 0; n < all.size(); ++n) all[n] = values[n / n_pixels];
        values = std::move(all);
    }
    const std::vector<double> ordered = spread_parameters(*kernel_, each, n_neurons(), count(n_neurons()));
    std::vector<double> out(places() * n_parameters);
    for (std::size_t place = 0; place < places(); ++place) {
        const std::size_t pixel = place / stride, channel = std::min(place % stride, channels - 1);
        std::copy_n(&ordered[(channel * n_pixels + pixel) * n_parameters], n_parameters, &out[place * n_parameters]);
    }
    return out;
}

namespace {

/// Room for one spike, again and again.
struct NoEmissions : EmissionBuffer {
    Emission one{};
    NoEmissions()
        : EmissionBuffer{&one, 0, 1, [](EmissionBuffer& b) { return b.size = 0, true; },
                         [](const auto&) { return true; }} {}
};

}  // namespace

bool Population::may_fire_untouched() const {
    if (endless_neuron() || kernel_->info.start_memory >= 0) return true;
    // For ever without input, from the beginning on; the first spike settles it.
    NoEmissions stop;
    NodeState state = initial_;
    char message[TileRun::message_bytes] = "";
    SparseRun run = sparse_run(*this, state);
    run.memory = state.memory.data();
    run.emit_from = -std::numeric_limits<double>::infinity();
    run.emit_until = std::numeric_limits<double>::infinity();
    run.max_spikes_per_instant = 1;
    run.emissions = &stop;
    run.message = message;
    run.last_pixel = parameter_step_ == 0 ? 1 : run.n_pixels;
    const TileResult result = kernel_->sparse->finish(run);
    return result.status != TileStatus::ok || stop.size > 0 || state.memory != initial_.memory;
}

const Population& Population::in_row() const {
    if (!layout_.image()) return *this;
    {
        const BriefLock lock(row_mutex_);
        if (row_) return *row_;
    }
    require_scatter(*kernel_);
    NeuronParameters parameters{shared_, {}};
    const std::size_t n_parameters = count(kernel_->info.n_neuron), stride = layout_.channel_stride();
    for (std::size_t k = 0; k < n_parameters; ++k) {
        std::vector<double>& values = parameters.per_neuron.emplace_back();
        for (std::int32_t n = 0; n < n_neurons(); ++n) {
            const std::size_t place = layout_.place_of(n);
            values.push_back(neurons_[(parameter_step_ == 0 ? place % stride : place) * n_parameters + k]);
        }
    }
    auto row = std::make_shared<const Population>(kernel_, Layout::row(n_neurons(), kernel_->info), parameters);
    const BriefLock lock(row_mutex_);
    if (!row_) row_ = std::move(row);  // another thread may have been faster
    return *row_;
}

NodeState Population::in_row(NodeState state) const {
    if (!by_pixels(state)) return state;
    PackedState packed = pack(state);
    const std::vector<double> of_pixels = std::move(packed.last_touch);
    for (std::size_t n = 0; n < count(n_neurons()); ++n) packed.last_touch.push_back(of_pixels[n % layout_.n_pixels()]);
    NodeState row = in_row().unpack(packed);
    row.in_flight = std::move(state.in_flight);
    row.travelling = std::move(state.travelling);
    row.synapses = std::move(state.synapses);
    return row;
}

std::vector<double> Population::memory_at(const NodeState& state, double time) const {
    if (kernel_->info.n_memory == 0) return state.memory;
    if (layout_.image() && !by_pixels(state)) return in_row().memory_at(state, time);
    // A state that is not finite is found in the next call.
    NodeState copy = state;
    NoEmissions none;
    char message[TileRun::message_bytes] = "";
    const auto finish = [&](auto run, auto&& finish_all) {
        run.memory = copy.memory.data();
        run.emit_from = run.emit_until = time;
        run.max_spikes_per_instant = std::numeric_limits<std::int32_t>::max();
        run.emissions = &none;
        run.message = message;
        finish_all(run);
    };
    if (layout_.image()) {
        finish(sparse_run(*this, copy), [&](SparseRun& run) {
            run.last_pixel = run.n_pixels;
            kernel_->sparse->finish(run);
        });
        return std::move(copy.memory);
    }
    if (!copy.last_touch.empty()) {
        std::vector<std::int32_t> all(count(n_neurons()));
        std::iota(all.begin(), all.end(), 0);
        finish(scatter_run(*this, copy), [&](ScatterRun& run) {
            run.touched = all.data();
            run.n_touched = static_cast<std::int64_t>(all.size());
            kernel_->scatter->conclude(run);
        });
        return std::move(copy.memory);
    }
    finish(dense_run(*this, copy), [&](TileRun& run) {
        for (const TileRange& tile : layout_.tiles()) {
            run.first_neuron = tile.first_neuron;
            run.n_vectors = tile.n_vectors;
            kernel_->dense->finish(run, time - copy.last_event);
        }
    });
    return std::move(copy.memory);
}

NodeState Population::initial_state(double start) const {
    NodeState state = initial_;
    state.last_event = start;
    std::fill(state.last_touch.begin(), state.last_touch.end(), start);
    if (kernel_->info.start_memory >= 0) {
        const auto from =
            state.memory.begin() + static_cast<std::ptrdiff_t>(count(kernel_->info.start_memory) * places());
        std::fill_n(from, places(), start);
    }
    return state;
}

std::optional<std::int32_t> Population::find_endless() const {
    const auto n = static_cast<std::int32_t>(neurons_.size() / count(kernel_->info.n_neuron));
    const std::int32_t place =
        kernel_->info.first_endless(shared_.data(), neurons_.data(), layout_.image() ? n : n_neurons());
    if (place < 0) return std::nullopt;
    if (!layout_.image()) return place;
    const std::size_t stride = layout_.channel_stride(), pixel = count(place) / stride;
    const std::size_t channel = std::min(count(place) % stride, count(layout_.image()->channels) - 1);
    return static_cast<std::int32_t>(channel * layout_.n_pixels() + pixel);
}

std::int32_t Population::observable(const std::string& name) const { return observable_of(*kernel_, name); }

namespace {

/// copy(place, neuron) for n_variables of every neuron, [variable][place] and [variable][neuron].
template <class Copy>
void for_each_value(const Layout& layout, std::int32_t n_variables, Copy&& copy) {
    const std::size_t n = count(layout.n_neurons());
    for (std::size_t k = 0; k < count(n_variables); ++k) {
        for (std::size_t neuron = 0; neuron < n; ++neuron)
            copy(k * layout.places() + layout.place_of(static_cast<std::int32_t>(neuron)), k * n + neuron);
    }
}

}  // namespace

std::vector<std::vector<double>> Population::remembered(const NodeOutput& output, const std::string& name) const {
    const std::size_t first = count(memory_of(*kernel_, name)) * places();
    std::vector<std::vector<double>> out;
    if (layout_.image() && !output.states.empty() && !by_pixels(output.states.front()))
        return in_row().remembered(output, name);
    for (const std::vector<double>& memory : output.final_memory) {
        auto& values = out.emplace_back(count(n_neurons()));
        for_each_value(layout_, 1,
                       [&](std::size_t place, std::size_t neuron) { values[neuron] = memory[first + place]; });
    }
    return out;
}

PackedState Population::pack(const NodeState& state) const {
    if (layout_.image() && !by_pixels(state)) return in_row().pack(state);
    const std::size_t bytes = count(kernel_->info.state_bytes), n = count(n_neurons());
    PackedState packed;
    packed.last_event = state.last_event;
    packed.last_touch = state.last_touch;
    for (const double touch : packed.last_touch) packed.last_event = std::max(packed.last_event, touch);
    packed.values.resize(count(kernel_->info.n_state) * n * bytes);
    packed.memory.resize(count(kernel_->info.n_memory) * n);
    for_each_value(layout_, kernel_->info.n_state, [&](std::size_t place, std::size_t neuron) {
        std::memcpy(&packed.values[neuron * bytes], state.values.data() + place * bytes, bytes);
    });
    for_each_value(layout_, kernel_->info.n_memory,
                   [&](std::size_t place, std::size_t neuron) { packed.memory[neuron] = state.memory[place]; });
    packed.releases = free_releases(*kernel_, n);
    for_each_value(layout_, kernel_->info.holds, [&](std::size_t place, std::size_t neuron) {
        std::copy_n(&state.releases[2 * place], 2, &packed.releases[2 * neuron]);
    });
    return packed;
}

NodeState Population::unpack_in_row(const PackedState& packed) const {
    const bool own_clocks = packed.last_touch.size() == count(n_neurons());
    return own_clocks ? in_row().unpack(packed) : in_row(unpack(packed));
}

NodeState Population::unpack(const PackedState& packed) const {
    const std::size_t bytes = count(kernel_->info.state_bytes), n = count(n_neurons());
    if (layout_.image() && packed.last_touch.size() == n && n != layout_.n_pixels()) return in_row().unpack(packed);
    const bool own_clocks = !layout_.image() && kernel_->scatter && packed.last_touch.size() == n;
    if (packed.values.size() != count(kernel_->info.n_state) * n * bytes ||
        packed.memory.size() != count(kernel_->info.n_memory) * n ||
        (!own_clocks && packed.last_touch.size() != initial_.last_touch.size())) {
        throw ShapeMismatch(text("a state of ", packed.values.size(), " bytes and ", packed.last_touch.size(),
                                 " pixels does not fit a population of ", n, " neurons"));
    }
    check_releases(*kernel_, packed.releases, n);
    const auto late = [&](double time) { return !(time <= packed.last_event) || !std::isfinite(time); };
    if (!std::isfinite(packed.last_event) || std::any_of(packed.last_touch.begin(), packed.last_touch.end(), late))
        throw NonFinite("the last events of a state must be finite, and none later than the last of all");
    NodeState state = initial_state(packed.last_event);
    state.last_touch = packed.last_touch;
    std::fill(state.touched_rows.begin(), state.touched_rows.end(), std::uint8_t{1});
    for_each_value(layout_, kernel_->info.n_state, [&](std::size_t place, std::size_t neuron) {
        std::memcpy(state.values.data() + place * bytes, &packed.values[neuron * bytes], bytes);
    });
    for_each_value(layout_, kernel_->info.n_memory,
                   [&](std::size_t place, std::size_t neuron) { state.memory[place] = packed.memory[neuron]; });
    for_each_value(layout_, kernel_->info.holds, [&](std::size_t place, std::size_t neuron) {
        std::copy_n(&packed.releases[2 * neuron], 2, &state.releases[2 * place]);
        if (!layout_.image()) return;
        double& latest = state.pixel_releases[place / layout_.channel_stride()];
        latest = std::max(latest, packed.releases[2 * neuron]);
    });
    return state;
}

TileRun dense_run(const Population& population, NodeState& state) {
    TileRun run{};
    run.shared = population.shared().data();
    run.neurons = population.neurons();
    run.hot = population.hot();
    run.state = state.values.data();
    run.memory = state.memory.data();
    run.releases = state.releases.data();
    run.stride = population.places();
    run.n_neurons = population.n_neurons();
    run.last_time = state.last_event;
    return run;
}

ScatterRun scatter_run(const Population& population, NodeState& state) {
    ScatterRun run{};
    run.shared = population.shared().data();
    run.neurons = population.neurons();
    run.hot = population.hot();
    run.state = state.values.data();
    run.last_touch = state.last_touch.data();
    run.memory = state.memory.data();
    run.releases = state.releases.data();
    run.stride = population.places();
    run.weight_bytes = population.kernel().info.weight_bytes;
    return run;
}

SparseRun sparse_run(const Population& population, NodeState& state) {
    const ImageShape& image = *population.layout().image();
    SparseRun run{};
    run.shared = population.shared().data();
    run.neurons = population.neurons();
    run.hot = population.hot();
    run.hot_stride = population.hot_stride();
    run.parameter_step = population.parameter_step();
    run.state = state.values.data();
    run.last_touch = state.last_touch.data();
    run.releases = state.releases.data();
    run.pixel_releases = state.pixel_releases.data();
    run.memory = state.memory.data();
    run.stride = population.places();
    run.channels = image.channels;
    run.channel_stride = static_cast<std::int32_t>(population.layout().channel_stride());
    run.n_pixels = image.pixels();
    return run;
}

}  // namespace evsim
