output "cluster_arn" {
  value = aws_ecs_cluster.this.arn
}

output "cluster_name" {
  value = aws_ecs_cluster.this.name
}

output "task_role_arns" {
  description = "Role -> ARN of its task role."
  value       = { for role, made in aws_iam_role.task : role => made.arn }
}

output "task_definition_arns" {
  description = "Role -> ARN of its task definition. `migrate` is run by hand or by the pipeline before a deployment."
  value       = { for role, made in aws_ecs_task_definition.role : role => made.arn }
}

output "api_dns_name" {
  description = "Point the API's name here."
  value       = aws_lb.this.dns_name
}

output "load_balancer_suffix" {
  description = "Of alarms on the load balancer."
  value       = aws_lb.this.arn_suffix
}

output "discovery_domain" {
  description = "Private DNS domain in which each role's tasks have a name."
  value       = aws_service_discovery_private_dns_namespace.this.name
}
