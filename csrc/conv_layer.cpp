#include "conv_layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.hpp"
#include "engine/emissions.hpp"
#include "engine/sparse_forward.hpp"
#include "kernel/parameters.hpp"

namespace evsim {

ConvLayer::ConvLayer(const Conv2dSettings& settings, std::shared_ptr<const NeuronKernel> kernel,
                     const NeuronSettings& neurons)
    : kernel_(std::move(kernel)), connection_(settings, kernel_->value_bytes), shared_(neurons.shared) {
    if (!kernel_->run_sparse) throw InvalidArgument("kernels with callbacks need a dense layer");
    check_shared(*kernel_, shared_);
    const auto value_bytes = static_cast<std::size_t>(kernel_->value_bytes);
    const auto n_hot = static_cast<std::size_t>(kernel_->n_hot), n_state = static_cast<std::size_t>(kernel_->n_state),
               n_memory = static_cast<std::size_t>(kernel_->n_memory);
    const double per_place = static_cast<double>(kernel_->n_neuron + kernel_->n_memory + 1) * sizeof(double) +
                             static_cast<double>(n_hot + n_state) * static_cast<double>(value_bytes);
    require_memory(static_cast<double>(places()) * per_place,
                   text("a convolutional layer of ", n_neurons(), " neurons"));

    const auto channels = static_cast<std::size_t>(connection_.output().channels);
    const bool same_everywhere = std::all_of(neurons.per_neuron.begin(), neurons.per_neuron.end(),
                                             [&](const auto& v) { return v.size() == 1 || v.size() == channels; });
    parameter_step_ = same_everywhere ? 0 : channel_stride();
    const std::size_t n = same_everywhere ? channel_stride() : places();
    hot_stride_ = n;
    neurons_ = same_everywhere ? spread_parameters(*kernel_, neurons.per_neuron, static_cast<std::int32_t>(channels), n)
                               : arranged(neurons);
    hot_ = AlignedBuffer(n_hot * n * value_bytes, "neuron parameters");
    AlignedBuffer state(n_state * n * value_bytes, "neuron state");
    std::vector<double> memory(n_memory * n);
    kernel_->prepare(shared_.data(), neurons_.data(), n, hot_.data(), state.data(), memory.data());

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
    initial_.last_touch.assign(n_pixels(), 0.0);
    initial_.touched_rows.assign(static_cast<std::size_t>(connection_.output().height), 0);
    fires_untouched_ = may_fire_untouched();
}

std::size_t ConvLayer::place_of(std::int32_t neuron) const {
    const auto pixels = static_cast<std::int32_t>(n_pixels());
    return static_cast<std::size_t>(neuron % pixels) * channel_stride() + static_cast<std::size_t>(neuron / pixels);
}

/// Parameters of every place, where they differ between pixels.
std::vector<double> ConvLayer::arranged(const NeuronSettings& neurons) const {
    const auto n_parameters = neurons.per_neuron.size();
    std::vector<std::vector<double>> each = neurons.per_neuron;
    const auto channels = static_cast<std::size_t>(connection_.output().channels);
    for (std::vector<double>& values : each) {
        if (values.size() != channels) continue;
        std::vector<double> all(static_cast<std::size_t>(n_neurons()));
        for (std::size_t n = 0; n < all.size(); ++n) all[n] = values[n / n_pixels()];
        values = std::move(all);
    }
    const std::vector<double> ordered =
        spread_parameters(*kernel_, each, n_neurons(), static_cast<std::size_t>(n_neurons()));
    std::vector<double> out(places() * n_parameters);
    for (std::size_t place = 0; place < places(); ++place) {
        const std::size_t pixel = place / channel_stride(), channel = std::min(place % channel_stride(), channels - 1);
        std::copy_n(&ordered[(channel * n_pixels() + pixel) * n_parameters], n_parameters, &out[place * n_parameters]);
    }
    return out;
}

bool ConvLayer::may_fire_untouched() const {
    // For ever without input, from the beginning on; the first spike settles it.
    struct Stop : EmissionBuffer {
        Emission one{};
        Stop() : EmissionBuffer{&one, 0, 1, [](EmissionBuffer& b) { b.size = 0; }, [](const auto&) { return true; }} {}
    } stop;
    LayerState state = initial_;
    char message[TileRun::message_bytes] = "";
    SparseRun run = sparse_run(*this, state);
    run.memory = state.memory.data();
    run.emit_from = -std::numeric_limits<double>::infinity();
    run.emit_until = std::numeric_limits<double>::infinity();
    run.max_spikes_per_instant = 1;
    run.emissions = &stop;
    run.message = message;
    run.last_pixel = parameter_step_ == 0 ? 1 : run.n_pixels;
    if (endless_neuron()) return true;
    const TileResult result = kernel_->finish_sparse(run);
    return result.status != TileStatus::ok || stop.size > 0 || state.memory != initial_.memory;
}

LayerState ConvLayer::initial_state(double start) const {
    LayerState state = initial_;
    state.last_event = start;
    std::fill(state.last_touch.begin(), state.last_touch.end(), start);
    return state;
}

std::optional<std::int32_t> ConvLayer::endless_neuron() const {
    const auto channels = static_cast<std::size_t>(connection_.output().channels);
    const auto n = static_cast<std::int32_t>(neurons_.size() / static_cast<std::size_t>(kernel_->n_neuron));
    const std::int32_t place = kernel_->first_endless(neurons_.data(), n);
    if (place < 0) return std::nullopt;
    const std::size_t pixel = static_cast<std::size_t>(place) / channel_stride();
    const std::size_t channel = std::min(static_cast<std::size_t>(place) % channel_stride(), channels - 1);
    return static_cast<std::int32_t>(channel * n_pixels() + pixel);
}

std::int32_t ConvLayer::observable(const std::string& name) const { return observable_of(*kernel_, name); }

namespace {

/// [variable][place] to [variable][neuron], or back.
template <class Copy>
void for_each_neuron(const ConvLayer& layer, std::int32_t n_variables, Copy&& copy) {
    const auto n = static_cast<std::size_t>(layer.n_neurons());
    for (std::size_t k = 0; k < static_cast<std::size_t>(n_variables); ++k) {
        for (std::size_t neuron = 0; neuron < n; ++neuron)
            copy(k * layer.places() + layer.place_of(static_cast<std::int32_t>(neuron)), k * n + neuron);
    }
}

}  // namespace

std::vector<std::vector<double>> ConvLayer::remembered(const LayerOutput& output, const std::string& name) const {
    const auto k = static_cast<std::size_t>(memory_of(*kernel_, name));
    std::vector<std::vector<double>> out;
    for (const std::vector<double>& memory : output.final_memory) {
        auto& values = out.emplace_back(static_cast<std::size_t>(n_neurons()));
        for_each_neuron(*this, 1,
                        [&](std::size_t place, std::size_t neuron) { values[neuron] = memory[k * places() + place]; });
    }
    return out;
}

PackedState ConvLayer::pack(const LayerState& state, const Plasticity*) const {
    const auto bytes = static_cast<std::size_t>(kernel_->value_bytes), n = static_cast<std::size_t>(n_neurons());
    PackedState packed;
    packed.last_event = state.last_event;
    packed.last_touch = state.last_touch;
    packed.values.resize(static_cast<std::size_t>(kernel_->n_state) * n * bytes);
    packed.memory.resize(static_cast<std::size_t>(kernel_->n_memory) * n);
    for_each_neuron(*this, kernel_->n_state, [&](std::size_t place, std::size_t neuron) {
        std::memcpy(&packed.values[neuron * bytes], state.values.data() + place * bytes, bytes);
    });
    for_each_neuron(*this, kernel_->n_memory,
                    [&](std::size_t place, std::size_t neuron) { packed.memory[neuron] = state.memory[place]; });
    return packed;
}

LayerState ConvLayer::unpack(const PackedState& packed) const {
    const auto bytes = static_cast<std::size_t>(kernel_->value_bytes), n = static_cast<std::size_t>(n_neurons());
    if (packed.values.size() != static_cast<std::size_t>(kernel_->n_state) * n * bytes ||
        packed.memory.size() != static_cast<std::size_t>(kernel_->n_memory) * n ||
        packed.last_touch.size() != n_pixels()) {
        throw ShapeMismatch(text("a state of ", packed.values.size(), " bytes and ", packed.last_touch.size(),
                                 " pixels does not fit a layer of ", n, " neurons"));
    }
    const auto late = [&](double time) { return !(time <= packed.last_event) || !std::isfinite(time); };
    if (!std::isfinite(packed.last_event) || std::any_of(packed.last_touch.begin(), packed.last_touch.end(), late)) {
        throw NonFinite("the last events of a state must be finite, and none later than the last of all");
    }
    LayerState state = initial_state(packed.last_event);
    state.last_touch = packed.last_touch;
    std::fill(state.touched_rows.begin(), state.touched_rows.end(), std::uint8_t{1});
    for_each_neuron(*this, kernel_->n_state, [&](std::size_t place, std::size_t neuron) {
        std::memcpy(state.values.data() + place * bytes, &packed.values[neuron * bytes], bytes);
    });
    for_each_neuron(*this, kernel_->n_memory,
                    [&](std::size_t place, std::size_t neuron) { state.memory[place] = packed.memory[neuron]; });
    return state;
}

namespace {

class ConvCall final : public LayerCall {
 public:
    ConvCall(ConvLayer& layer, std::size_t n_samples) : LayerCall(n_samples), layer_(layer) {}

    const Layer& layer() const override { return layer_; }
    void run(std::span<const Probe> probes, const RunOptions& options, Interruption& interruption) override {
        layer_.connection().pack();
        run_sparse(layer_, samples, probes, options, interruption);
    }

 private:
    ConvLayer& layer_;
};

}  // namespace

std::unique_ptr<LayerCall> ConvLayer::call(std::size_t n_samples, std::span<const std::unique_ptr<LayerCall>>) {
    return std::make_unique<ConvCall>(*this, n_samples);
}

}  // namespace evsim
