output "address" {
  description = "`host:port` of the frontend."
  value       = local.own ? "temporal-frontend.${var.name}.internal:7233" : var.cloud.address
}

output "namespace" {
  value = local.own ? "tidegate-${var.name}" : var.cloud.namespace
}

output "api_key_secret_arn" {
  description = "Null = no API key is needed."
  value       = local.own ? null : var.cloud.api_key_secret_arn
}

output "security_group_id" {
  value = local.own ? aws_security_group.this[0].id : null
}
