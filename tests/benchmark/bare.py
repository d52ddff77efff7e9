"""A minimal Django site on the same server: one view, no middleware. Settings and URLs in one file."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "nothing is signed here, and nobody signs in: this is only measured"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.benchmark.bare"
WSGI_APPLICATION = "tests.benchmark.bare.application"
LANGUAGES = [("en", "English")]
MIDDLEWARE: list[str] = []


def hello(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello\n", content_type="text/plain")


urlpatterns = [path("livez", hello)]
