# What the engine cannot say of itself: that AWS' parts of it are unwell, or that it is gone.

locals {
  alarms = {
    "aurora-connections" = { namespace = "AWS/RDS", metric = "DatabaseConnections", statistic = "Maximum", above = 400, dimensions = { DBClusterIdentifier = var.aurora_identifier } }
    "aurora-capacity"    = { namespace = "AWS/RDS", metric = "ACUUtilization", statistic = "Average", above = 90, dimensions = { DBClusterIdentifier = var.aurora_identifier } }
    "redshift-capacity"  = { namespace = "AWS/Redshift-Serverless", metric = "ComputeCapacity", statistic = "Maximum", above = var.redshift_most_rpu, dimensions = { Workgroup = var.redshift_workgroup } }
    "api-5xx"            = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", statistic = "Sum", above = 20, dimensions = { LoadBalancer = var.load_balancer_suffix } }
    "api-unhealthy"      = { namespace = "AWS/ApplicationELB", metric = "UnHealthyHostCount", statistic = "Maximum", above = 0, dimensions = { LoadBalancer = var.load_balancer_suffix } }
  }
}

resource "aws_cloudwatch_metric_alarm" "aws" {
  for_each            = local.alarms
  alarm_name          = "tidegate-${var.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# Missing data is the alarm: no task of the role runs.
resource "aws_cloudwatch_metric_alarm" "gone" {
  for_each            = toset(["lanes", "batches", "backfill", "writebacks", "api"])
  alarm_name          = "tidegate-${var.name}-${each.key}-gone"
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = each.key }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}
