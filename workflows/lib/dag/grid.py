"""The cells of a config: make complete Cell records from experiments and from names of cells. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from contracts.errors import ConfigError
from contracts.prepared import PreparedPlan
from contracts.records import Cell, OptionValue
from evals.analysis.display import listed
from evals.analysis.figures import FIGURES
from evals.analysis.tables import TABLES
from methods.shared.limits import (
    check_branching,
    check_engine_gives,
    check_engine_option,
    check_limits,
    engine_gives,
    engine_serves,
)
from workflows.lib.config.loading import ConfigSource
from workflows.lib.config.method_options import MethodSource
from workflows.lib.config.schema import Config, Experiment, ExperimentArm, Variant
from workflows.lib.dag.names import Key, known
from workflows.lib.dag.recipes import LABELS, Recipes

BASE = "base"  # the untrained model, as a method
DEFAULT = "default"


@dataclass(frozen=True)
class Grid:
    """The cells of a config."""

    config: Config
    experiments: Mapping[str, Experiment]
    methods: Mapping[str, MethodSource]
    recipes: Recipes
    source: ConfigSource

    def check(self) -> None:
        """Raise ConfigError for the first unknown method, scale, option, variant or experiment of the config."""
        config, place = self.config, self.source.place
        for name in config.methods or ():
            self._method(name, place("methods"))
        for section in config.options:
            self._check_section(section)
        for name in config.samplings:
            if name == DEFAULT or name in self.variants:
                raise ConfigError(place("samplings", name), f"'{name}' is taken by a variant", "rename it")
        for preset, methods in config.presets.items():
            self._check_preset(preset, list(methods))
        for name, variant in self.variants.items():
            self._check_variant(name, variant)
        for name in config.experiments:
            known(name, self.experiments, "experiment", place("experiments"))
        for name in config.experiments:
            self.of_experiment(name)
            for table in self.experiments[name].tables:
                known(table, TABLES, "table", f"experiments/{name}.yaml: tables")
            for figure in self.experiments[name].figures:
                known(figure, FIGURES, "figure", f"experiments/{name}.yaml: figures")
        if config.cell is not None:
            self.parse(config.cell, place("cell"))

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """Variants of the config and of every experiment. ConfigError if a name has two meanings.

        A config may give an experiment's variant numbers of its own: for the same methods, values of the same options.
        """
        variants: dict[str, Variant] = {}
        for name, experiment in self.experiments.items():
            for variant, meaning in experiment.variants.items():
                here = self.config.variants.get(variant, meaning)
                if not _same_options(here, meaning) or variants.setdefault(variant, here) != here:
                    raise ConfigError(f"experiments/{name}.yaml: variants.{variant}", "means something else elsewhere")
        return self.config.variants | variants

    @cached_property
    def wanted(self) -> list[Key]:
        """Cells of the chosen experiments, each once, in order."""
        return list(dict.fromkeys(key for name in self.config.experiments for key in self.of_experiment(name)))

    def of_experiment(self, name: str) -> list[Key]:
        """Cells of one experiment."""
        experiment, place = self.experiments[name], f"experiments/{name}.yaml"
        scales = experiment.scales or self.config.usual_scales
        own = None if self.config.every_seed else experiment.seeds
        seeds = own or self.config.seeds
        keys = []
        for number, arm in enumerate([*experiment.arms, *self._controls(experiment)]):
            methods = arm.methods or self.rivals
            methods = [m for m in methods if self._served(m)] if arm.where_served else methods
            pairs = [(m, v) for m, v in product(methods, arm.variants) if m in self._suited(methods, v)]
            for (method, variant), scale, seed in product(pairs, scales, seeds):
                keys.append(self.check_key(Key(method, scale, variant, seed), f"{place}: arms.{number}"))
        return list(dict.fromkeys(keys))

    def fitting(self) -> dict[str, list[Key]]:
        """Cells of each experiment for which this config has all scales and variants."""
        scales, presets = self.config.scales.keys(), {p for m in self.methods.values() for p in m.presets}
        variants = self.variants.keys() | presets | {DEFAULT} | self.config.samplings.keys()
        return {
            name: self.of_experiment(name)
            for name, e in self.experiments.items()
            if scales >= set(e.scales or []) and variants >= {v for arm in e.arms for v in arm.variants}
        }

    @cached_property
    def rivals(self) -> list[str]:
        """What "all methods" means: those of the config, or else all that the engine can train but the controls."""
        able = [name for name, method in self.methods.items() if not method.control and self._served(name)]
        return self.config.methods or able

    def _served(self, method: str) -> bool:
        """Whether the engine that trains gives this method what it needs; an unknown name is reported later."""
        needs = self.methods[method].sampled_needs if method in self.methods else []
        return all(engine_gives(self.config.engine, need) for need in needs)

    def with_labels(self, methods: Sequence[str], engine: str) -> list[str]:
        """Those methods for which this world and ``engine`` have what they need: some need labels of tokens."""
        labelled = self.config.world in LABELS and engine_gives(engine, "labels")
        return [name for name in methods if labelled or name not in self.methods or not self.methods[name].labels]

    def _controls(self, experiment: Experiment) -> list[ExperimentArm]:
        able = [(self.with_labels(arm.methods or [], self.config.engine), arm.variants) for arm in experiment.controls]
        return [ExperimentArm(methods=methods, variants=variants) for methods, variants in able if methods]

    def _suited(self, methods: list[str], variant: str) -> list[str]:
        """Those methods of an arm that may have a variant. If none may, all of them, so that a check reports it."""
        named = self.variants[variant].methods if variant in self.variants else methods
        return [method for method in methods if method in named] or methods

    def parse(self, text: str, place: str) -> Key:
        """``cepo/small/default/s1`` as a key."""
        parts = text.split("/")
        if len(parts) != 4 or not parts[3].startswith("s") or not parts[3][1:].isdecimal():
            raise ConfigError(place, f"'{text}' is not a cell", "write <method>/<scale>/<variant>/s<seed>")
        return self.check_key(Key(parts[0], parts[1], parts[2], int(parts[3][1:])), place)

    def check_key(self, key: Key, place: str, engine: str | None = None) -> Key:
        """Return ``key`` if the config has its parts and they fit together. Raises ConfigError otherwise.

        ``engine``: what runs the method, if that is not the engine that trains.
        """
        engine = engine or self.config.engine
        known(key.scale, self.config.scales, "scale", place)
        if key.method == BASE:
            if key.variant != DEFAULT and key.variant not in self.config.samplings:
                ways = listed([DEFAULT, *self.config.samplings])
                raise ConfigError(place, f"the untrained base has no variant '{key.variant}'", f"it has {ways}")
            return key
        method = self._method(key.method, place)
        self._check_labels(method, engine, place)
        for need in method.sampled_needs:
            check_engine_gives(engine, need, method.name, place)
        if key.variant == DEFAULT or key.variant in method.presets:
            return key
        variant = known(key.variant, {DEFAULT: None} | self.variants | method.presets, "variant", place)
        if key.method not in self.variants[key.variant].methods:
            cause = f"variant '{key.variant}' is for {', '.join(self.variants[key.variant].methods)}, not {key.method}"
            raise ConfigError(place, cause, f"add {key.method} to variants.{variant}.methods")
        return key

    def cell(self, key: Key) -> Cell:
        """The complete record of a cell; made once."""
        if key not in self._cells:
            self._cells[key] = self._cell(key)
        return self._cells[key]

    @cached_property
    def _cells(self) -> dict[Key, Cell]:
        return {}

    def prepared(self, key: Key) -> PreparedPlan | None:
        """The model that is to be trained from the base before this cell; None if it needs none."""
        kind = "" if key.method == BASE else self.methods[key.method].prepared
        if not kind:
            return None
        return self.recipes.prepared(kind, key.scale, key.seed, self._options_of(key.method, key.variant))

    def _cell(self, key: Key) -> Cell:
        config, prepared = self.config, self.prepared(key)
        digests = self.recipes.cell_digests(key.method, key.scale, key.seed, self._labelled(key.method))
        return Cell(
            world=config.world,
            engine=config.engine,
            device=config.device,
            method=key.method,
            scale=key.scale,
            variant=key.variant,
            seed=key.seed,
            model_name=config.model_name(key.scale),
            options=self._options_of(key.method, key.variant),
            digests=digests | ({} if prepared is None else {"prepared": prepared.digest}),
            control=key.method != BASE and self.methods[key.method].control,
        )

    def _options_of(self, method: str, variant: str) -> dict[str, OptionValue]:
        """The options of every seed and scale of a method and variant, resolved once."""
        if (method, variant) not in self._resolved:
            self._resolved[method, variant] = self._options(method, variant)
        return self._resolved[method, variant]

    @cached_property
    def _resolved(self) -> dict[tuple[str, str], dict[str, OptionValue]]:
        return {}

    def _labelled(self, method: str) -> bool:
        return method != BASE and self.methods[method].labels

    def _options(self, method: str, variant: str) -> dict[str, OptionValue]:
        """Options after all layers. Later ones win: defaults, options.all, options.<method>, preset, variant."""
        if method == BASE:
            return {}
        source, resolved = self.methods[method], {}
        for name, value, place in self._layers(source, variant):
            resolved[name] = source.option(name, place).parse(value, place)
            check_limits({name: resolved[name]}, place)
            check_engine_option(self.config.engine, name, resolved[name], place)
        for name, option in source.options.items():
            if name not in resolved:
                place = self.source.place("options", source.name, name)
                check_engine_option(self.config.engine, name, option.default, place)
        options = {name: option.default for name, option in source.options.items()} | resolved
        check_branching(options, f"{method}/{variant}: branching")
        return options

    def _layers(self, source: MethodSource, variant: str) -> Iterator[tuple[str, OptionValue, str]]:
        """Yield option, value and place of every override. options.all applies to methods that have the option.

        Of a method's own preset, what the engine cannot serve is left out: the same preset is trained by both engines.
        """
        place, options = self.source.place, self.config.options
        for name, value in options.get("all", {}).items():
            if name in source.options:
                yield name, value, place("options", "all", name)
        for name, value in options.get(source.name, {}).items():
            yield name, value, place("options", source.name, name)
        for name, value in source.presets.get(variant, {}).items():
            if engine_serves(self.config.engine, name, value):
                yield name, value, f"methods/{source.name}.py: preset {variant}.{name}"
        for name, value in self.config.presets.get(variant, {}).get(source.name, {}).items():
            yield name, value, place("presets", variant, source.name, name)
        if variant in self.variants:
            for name, value in self.variants[variant].set.items():
                yield name, value, place("variants", variant, "set", name)

    def _method(self, name: str, place: str) -> MethodSource:
        return self.methods[known(name, self.methods, "method", place, "; a method is a file in methods/")]

    def _check_labels(self, method: MethodSource, engine: str, place: str) -> None:
        """Raise ConfigError if ``method`` needs labels of tokens, and this world or ``engine`` has none."""
        if not method.labels:
            return
        if self.config.world not in LABELS:
            cause = f"{method.name} needs labels of tokens, which world {self.config.world} does not have"
            raise ConfigError(place, cause, f"leave {method.name} out, or use world: {' or '.join(LABELS)}")
        check_engine_gives(engine, "labels", method.name, place)

    def _check_section(self, section: str) -> None:
        place = self.source.place
        if section == "all":
            everything = {name: None for method in self.methods.values() for name in method.options}
            for name in self.config.options["all"]:
                known(name, everything, "option", place("options", "all"))
            for method in self.methods.values():
                self._options(method.name, DEFAULT)
        else:
            known(section, self.methods, "method", place("options"))
            self._options(section, DEFAULT)

    def _check_preset(self, preset: str, methods: list[str]) -> None:
        for method in methods:
            place = self.source.place("presets", preset)
            known(preset, self._method(method, place).presets, f"preset of {method}", place)
            self._options(method, preset)

    def _check_variant(self, name: str, variant: Variant) -> None:
        for method in variant.methods:
            source = self._method(method, self.source.place("variants", name, "methods"))
            if name == DEFAULT or name in source.presets:
                place = self.source.place("variants", name)
                raise ConfigError(place, f"'{name}' is taken: {method} has it already", "rename it")
            if name in self.config.variants or method in self.rivals:  # of another method only cells are checked
                self._options(method, name)


def _same_options(one: Variant, other: Variant) -> bool:
    """Whether two variants are for the same methods and set the same options, to whatever values."""
    return set(one.methods) == set(other.methods) and one.set.keys() == other.set.keys()
