"""Copies the results of the vendor's number checks into a database before they are gone."""
