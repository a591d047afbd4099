#include "kernel/parameters.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace evsim {

namespace {

const char* in_words(ParameterDomain domain) {
    return domain == ParameterDomain::positive ? "positive" : "not negative";
}

void check_domain(const ModelInfo& model, double value, const char* name, ParameterDomain domain) {
    const bool inside =
        domain == ParameterDomain::any || value > 0.0 || (domain == ParameterDomain::not_negative && value == 0.0);
    if (inside) return;
    throw InvalidArgument(
        text("neuron model '", model.model, "': ", name, " must be ", in_words(domain), ", got ", value));
}

void check_parameter(const std::vector<double>& values, const char* name) {
    const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
    if (bad != values.end()) throw NonFinite(text(name, " must be finite, got ", *bad));
}

std::int32_t position(const char* const* names, std::int32_t n, const std::string& name, const char* model,
                      const char* kind) {
    std::string known;
    for (std::int32_t k = 0; k < n; ++k) {
        if (name == names[k]) return k;
        known += (k > 0 ? ", " : "") + std::string(names[k]);
    }
    throw InvalidArgument(
        text("neuron model '", model, "' has no ", kind, " '", name, "'; it has: ", known.empty() ? "none" : known));
}

}  // namespace

void check_shared(const NeuronKernel& kernel, const std::vector<double>& shared) {
    if (shared.size() != static_cast<std::size_t>(kernel.info.n_shared)) {
        throw ShapeMismatch(text("neuron model '", kernel.info.model, "' has ", kernel.info.n_shared,
                                 " shared parameters, got ", shared.size()));
    }
    check_parameter(shared, "shared parameters");
    if (!kernel.info.shared_domains) return;
    for (std::size_t k = 0; k < shared.size(); ++k)
        check_domain(kernel.info, shared[k], kernel.info.shared_names[k], kernel.info.shared_domains[k]);
}

std::vector<double> spread_parameters(const NeuronKernel& kernel, const std::vector<std::vector<double>>& parameters,
                                      std::int32_t n_neurons, std::size_t padded) {
    if (parameters.size() != static_cast<std::size_t>(kernel.info.n_neuron)) {
        throw ShapeMismatch(text("neuron model '", kernel.info.model, "' has ", kernel.info.n_neuron,
                                 " parameters per neuron, got ", parameters.size()));
    }
    std::vector<double> out(parameters.size() * padded);
    for (std::size_t k = 0; k < parameters.size(); ++k) {
        const std::vector<double>& values = parameters[k];
        const char* name = kernel.info.neuron_names[k];
        check_parameter(values, name);
        if (kernel.info.neuron_domains) {
            for (const double value : values) check_domain(kernel.info, value, name, kernel.info.neuron_domains[k]);
        }
        if (values.size() != 1 && values.size() != static_cast<std::size_t>(n_neurons)) {
            throw ShapeMismatch(
                text(name, " must be one value or one per neuron (", n_neurons, "), got ", values.size()));
        }
        for (std::size_t n = 0; n < padded; ++n)
            out[n * parameters.size() + k] = values[std::min(n, values.size() - 1)];
    }
    return out;
}

std::int32_t observable_of(const NeuronKernel& kernel, const std::string& name) {
    return position(kernel.info.observable_names, kernel.info.n_observables, name, kernel.info.model, "variable");
}

std::int32_t memory_of(const NeuronKernel& kernel, const std::string& name) {
    return position(kernel.info.memory_names, kernel.info.n_memory, name, kernel.info.model, "memory of");
}

void require_dense(const NeuronKernel& kernel) {
    if (!kernel.dense) throw InvalidArgument(text("neuron model '", kernel.info.model, "' has no dense layers"));
}

void require_sparse(const NeuronKernel& kernel) {
    if (kernel.sparse) return;
    throw InvalidArgument(text("neuron model '", kernel.info.model, "' has no convolutional layers"));
}

void require_scatter(const NeuronKernel& kernel) {
    if (kernel.scatter) return;
    throw Unsupported(text("neuron model '", kernel.info.model, "' has no loops for sparse connections"));
}

void require_fitting(const RuleKernel& rule, const ModelInfo& model) {
    if (rule.weight_bytes == model.weight_bytes) return;
    throw InvalidArgument(text("rule '", rule.name, "' is for weights of ", rule.weight_bytes, " bytes, but model '",
                               model.model, "' has weights of ", model.weight_bytes));
}

void prepare(const NeuronKernel& kernel, const std::vector<double>& shared, const std::vector<double>& neurons,
             std::size_t n, void* hot, void* state, std::vector<double>& memory) {
    const std::int32_t unfit = kernel.info.prepare(shared.data(), neurons.data(), n, hot, state, memory.data());
    if (unfit < 0) return;
    std::string given;
    for (std::int32_t k = 0; k < kernel.info.n_neuron; ++k) {
        const auto at = static_cast<std::size_t>(unfit) * static_cast<std::size_t>(kernel.info.n_neuron) +
                        static_cast<std::size_t>(k);
        given += text(k > 0 ? ", " : "", kernel.info.neuron_names[k], " = ", neurons[at]);
    }
    throw NonFinite(text("neuron model '", kernel.info.model, "': the state at the beginning is too large for float",
                         8 * kernel.info.state_bytes, " (", given, ")"));
}

std::vector<double> free_releases(const NeuronKernel& kernel, std::size_t n) {
    std::vector<double> releases(kernel.info.holds ? 2 * n : 0);
    for (std::size_t k = 0; k < releases.size(); k += 2) releases[k] = -std::numeric_limits<double>::infinity();
    return releases;
}

void check_releases(const NeuronKernel& kernel, const std::vector<double>& releases, std::size_t n_neurons) {
    const std::size_t expected = kernel.info.holds ? 2 * n_neurons : 0;
    if (releases.size() != expected) {
        throw ShapeMismatch(
            text("a state has ", releases.size(), " numbers for the clocks of its neurons, not ", expected));
    }
    if (std::any_of(releases.begin(), releases.end(), [](double number) { return std::isnan(number); }))
        throw NonFinite("the times of release of a state must not be NaN");
}

}  // namespace evsim
