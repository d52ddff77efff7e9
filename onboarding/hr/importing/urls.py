"""URLs of the pages for importing a list."""

from django.urls import path

from onboarding.hr.importing import views

urlpatterns = [
    path("", views.upload_page, name="import"),
    path("<public_id:import_id>/", views.import_page, name="import-list"),
    path("<public_id:import_id>/columns/", views.columns_page, name="import-columns"),
    path("<public_id:import_id>/add/", views.add_rows, name="import-add"),
    path("<public_id:import_id>/rest/", views.download_rest, name="import-rest"),
    path("<public_id:import_id>/delete/", views.delete_import, name="import-delete"),
]
