output "alarm_topic_arn" {
  value = aws_sns_topic.alarms.arn
}

output "workspace_id" {
  value = aws_prometheus_workspace.this.id
}
