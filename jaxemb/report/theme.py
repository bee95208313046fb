"""Colours shared by the page and the plots, and a matplotlib figure as a themed inline SVG.

Plots are drawn in the light colours. Inline, each of them becomes a CSS variable of the same name,
so one drawing serves a light and a dark page; as a PNG the light colours stay.
"""

import io
import re
from html import escape

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# The arms' colours keep apart for colour-blind readers (Okabe and Ito, 2008, darkened for text).
LIGHT = {
    "paper": "#fdfcfa",
    "ink": "#1f2328",
    "soft": "#646b73",
    "line": "#dcd8d0",
    "good": "#16794f",
    "bad": "#b3362c",
    "open": "#9a6700",
    "series-1": "#0b62a8",
    "series-2": "#d1570b",
    "series-3": "#0f8a68",
    "series-4": "#b0508d",
    "series-5": "#8a6d04",
    "series-6": "#3d9bd4",
    "series-7": "#5b4fb3",
    "series-8": "#707780",
    "depth-1": "#a8d0d2",
    "depth-2": "#6cb0ba",
    "depth-3": "#3a8ba1",
    "depth-4": "#20678b",
    "depth-5": "#174a70",
    "depth-6": "#122f50",
    "heat-1": "#e4f0ee",
    "heat-2": "#c3e0dc",
    "heat-3": "#9accca",
    "heat-4": "#66b0ba",
    "heat-5": "#337d97",
    "heat-6": "#205f84",
    "heat-7": "#173f66",
    "heat-ink-low": "#16202a",
    "heat-ink-middle": "#10191f",
    "heat-ink-high": "#fefefe",
}
DARK = {
    "paper": "#15181c",
    "ink": "#e8e6e1",
    "soft": "#9aa2ab",
    "line": "#343a41",
    "good": "#4cc38a",
    "bad": "#ff8379",
    "open": "#e2b341",
    "series-1": "#6cb2f2",
    "series-2": "#ff9a57",
    "series-3": "#4fcfa6",
    "series-4": "#e58fc4",
    "series-5": "#d8b93f",
    "series-6": "#9bd6f7",
    "series-7": "#aba2f5",
    "series-8": "#a7afb8",
    "depth-1": "#2c4d60",
    "depth-2": "#34708a",
    "depth-3": "#4597a9",
    "depth-4": "#77bfc4",
    "depth-5": "#aedcdb",
    "depth-6": "#e2f4f1",
    "heat-1": "#222d36",
    "heat-2": "#25424f",
    "heat-3": "#285a6c",
    "heat-4": "#2f7083",
    "heat-5": "#66b0ba",
    "heat-6": "#9ad2d0",
    "heat-7": "#d3efeb",
    "heat-ink-low": "#dbe9ea",
    "heat-ink-middle": "#ffffff",
    "heat-ink-high": "#0f1a22",
}
SERIES = tuple(name for name in LIGHT if name.startswith("series-"))
DEPTHS = tuple(name for name in LIGHT if name.startswith("depth-"))
HEAT = tuple(name for name in LIGHT if name[:-1] == "heat-")

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "jaxemb",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["soft"],
    "axes.edgecolor": LIGHT["line"],
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": LIGHT["line"],
    "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["soft"],
    "ytick.labelcolor": LIGHT["soft"],
    "legend.frameon": False,
    "figure.facecolor": LIGHT["paper"],
}


def css_variables(colours: dict[str, str]) -> str:
    """The colours as CSS custom properties."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def svg(figure: Figure, name: str, title: str, description: str) -> str:
    """A figure as inline SVG with a title and a description, that follows the page's theme.

    Args:
        figure: a matplotlib figure that has been drawn with `STYLE`.
        name: prefix of every id inside, unique on its page.
        title, description: what a screen reader says.
    """
    target = io.StringIO()
    figure.patch.set_visible(False)
    with matplotlib.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(
            target, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    drawing = target.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    head, body = drawing.split(">", 1)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head).groups()
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-text" style="min-width:{float(width) * 0.86:.0f}px">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-text">{escape(description)}</desc>{_inline(body, name)}'
    )


def _inline(body: str, name: str) -> str:
    """Ids made unique, colours made variables, the page's font, and nothing that is not drawn."""
    for unused in _UNUSED:
        body = unused.sub("", body)
    body = body.replace("xlink:href=", "href=")
    used = set(re.findall(r"#([\w.-]+)\)|href=\"#([\w.-]+)\"", body))
    used = {first or second for first, second in used}
    body = re.sub(
        r' id="([^"]+)"', lambda at: f' id="{name}-{at[1]}"' if at[1] in used else "", body
    )
    body = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r"<[^>]+>", lambda tag: _LONG.sub(_rounded, tag[0]), body)
    for variable, colour in LIGHT.items():
        body = body.replace(colour, f"var(--{variable})")
    return re.sub(r"\s+", " ", body).replace("> <", "><")


def _rounded(number: re.Match) -> str:
    return f"{float(number[0]):.2f}"


_LONG = re.compile(r"(?<![#\w])-?\d+\.\d{3,}")
_UNUSED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<metadata>.*?</metadata>",
        r'<style type="text/css">.*?</style>',
        r"<!--.*?-->",
        r"<defs>\s*</defs>",
        r' xmlns(:\w+)?="[^"]*"',
        r"font-family: [^;\"]+; ",
        r' transform="rotate\(-?0 [^"]*"',
        r"; stroke-linecap: square",
    )
)
