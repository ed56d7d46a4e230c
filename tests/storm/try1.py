import sys, time, traceback, logging
real=time.process_time
from tests.storm.setting import storm_parts
from tests.storm.schedule import run_schedule
from tests.storm.plan import draw_plan
from tests.storm.weather import STORM, CALM
logging.basicConfig(level=logging.ERROR)
lo,hi=int(sys.argv[1]),int(sys.argv[2])
w = CALM if len(sys.argv)>3 and sys.argv[3]=='calm' else STORM
with storm_parts() as parts:
    for seed in range(lo,hi):
        t=real()
        try:
            o=run_schedule(parts, draw_plan(seed), w)
        except BaseException as e:
            traceback.print_exc(); print(seed,'EXC',repr(e)[:300]); continue
        print(seed, f"{real()-t:.2f}s", o.digest, len(o.log), f"virtual {o.seconds-1000:.0f}", len(o.plan.acts), len(o.struck), o.broken[:3])
        if len(sys.argv)>4: open(f'/tmp/storm-{seed}.log','w').write("\n".join(o.log))
