"""What is seen in C++ text without a compiler."""

from evsim.jit.checks import with_checked_traces
from evsim.jit.scan import functions, line_of, parameters_of

TEXT = r"""#include <x>
#if 0
void dead(int) {}
#else
void live(int x = g(1)) { }
#endif
EVSIM_PARAMETERS(rate = 0.1, b = f(2))
auto s = "void string() {}"; const char* r = R"(void raw() {})";
struct X { void member() {} };
template <class T> auto made(T* x) -> decltype(x[0]) { return call(x); }
extern "C" { void c(); }
namespace { int k = init(3); inline void anonymous() noexcept(true) { char c = '{'; } }
void sim::qualified(float w, const float (&a)[3], real n[]) {}
int a[] = {1, 2}; int n = 1'000'000;
#define Q(x) macro(x) \\
  { }
void last() {"""


def test_functions_at_namespace_scope_are_found_and_nothing_else():
    found = [(f.name, line_of(TEXT, f.offset), f.body is not None, f.is_conditional) for f in functions(TEXT)]
    assert found == [
        ("live", 5, True, True),
        ("made", 10, True, False),
        ("c", 11, False, False),
        ("anonymous", 12, True, False),
        ("qualified", 13, True, False),
        ("last", 17, True, False),
    ]


def test_parameters_have_names_and_may_be_copies():
    function = next(f for f in functions(TEXT) if f.name == "qualified")
    parameters = parameters_of(function, TEXT)
    assert [(p.name, p.is_copy) for p in parameters] == [("w", True), ("", False), ("n", False)]


def test_only_pointers_that_functions_take_are_checked():
    text = "float* kept;\nvoid f(const real *a, double b[2], float* const c, real** d, int* e) { real* g = a; }"
    expected = "float* kept;\nvoid f(evsim::Traces<const real>a, evsim::Traces<double> b, "
    expected += "evsim::Traces<float> c, real** d, int* e) { real* g = a; }"
    assert with_checked_traces(text) == expected


def test_unfinished_text_is_no_trouble():
    for text in ("void f(", "void f() {", "/* void f() {}", 'R"(', "#if 0", "}", ")", "void f(int"):
        functions(text)
