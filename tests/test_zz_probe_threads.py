import threading, pytest
from datetime import timedelta
from django.db import connection, connections
from django.utils import timezone
from onboarding import jobs
from onboarding.models import Heartbeat, Job, PassIssue
@pytest.mark.django_db(transaction=True)
def test_x(database_file):
    errs=[]
    def go(n):
        try:
            for i in range(10): jobs.beat(f"{n}-{i}")
        except Exception as e: errs.append(e)
        finally: connections.close_all()
    ts=[threading.Thread(target=go,args=(n,)) for n in range(8)]
    [t.start() for t in ts]; [t.join() for t in ts]
    assert not errs and Heartbeat.objects.count()==80
@pytest.mark.django_db(transaction=True)
def test_y():
    assert Heartbeat.objects.count()==0
@pytest.mark.django_db
def test_t(held, time_passes):
    i=held("noor")
    time_passes(timedelta(minutes=70))
    i.refresh_from_db(); print(i.state,i.reason, timezone.now())
    print(list(Job.objects.values_list("key","due_at","done_at","attempts","last_error")))
